"""Facial keypoint detection: data, networks, training, scores and submissions."""
