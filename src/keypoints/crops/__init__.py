"""Crops of faces: cut once into a store of one file, then drawn from it batch by batch."""
