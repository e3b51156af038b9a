"""Crops of faces: written once by `prepare`, then read batch by batch."""
