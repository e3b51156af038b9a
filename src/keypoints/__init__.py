"""Facial keypoint detection: data, networks, training, scores and submissions."""

import os

# OpenCV reads this when it is loaded: a damaged header may tell Pillow one size and OpenCV another.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "25000000")  # as photos.MAX_PIXELS
