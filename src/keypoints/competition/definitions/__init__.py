"""Kaggle competitions: one module each, which defines COMPETITION."""
