"""Kaggle competitions: a module each, which defines COMPETITION and is found by its slug."""
