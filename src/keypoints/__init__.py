"""Facial keypoint detection: data, networks, training, scores and submissions."""

import os
import sys
from importlib.util import find_spec

_REMEDY = "run `make setup`, then `source .venv/bin/activate`"
if sys.version_info < (3, 11, 4):
    sys.exit(f"error: {sys.executable} is older than Python 3.11.4; {_REMEDY}")
if not find_spec("numpy"):
    sys.exit(f"error: numpy is not installed for {sys.executable}; {_REMEDY}")

# OpenCV reads this variable when it is imported. It bounds images whose damaged header gives
# OpenCV another size than Pillow; the value is that of faces.images.MAX_PIXELS.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "25000000")
