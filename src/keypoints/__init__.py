"""Facial keypoint detection: data, networks, training, scores and submissions."""

import os

# OpenCV reads this variable when it is imported. It bounds images whose damaged header gives
# OpenCV another size than Pillow; the value is that of faces.images.MAX_PIXELS.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "25000000")
