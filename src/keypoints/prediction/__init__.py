"""Predictions of trained networks: test-time augmentation, shape correction, ensembles."""
