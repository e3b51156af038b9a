"""Face detection: the passes of the cascades."""

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.detection import PASSES, detect, detect_faces


def test_a_portrait_needs_one_pass_and_a_small_face_needs_all(photo: NDArray[np.uint8]) -> None:
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    (portrait,) = detect(gray, PASSES[:1])
    assert detect(gray) == [portrait]
    assert portrait.side >= PASSES[0].stop_at * min(gray.shape)
    landscape, scale = np.full((1200, 1600), 128, np.uint8), 150 / portrait.side
    small = cv2.resize(gray, None, fx=scale, fy=scale)
    landscape[500 : 500 + small.shape[0], 900 : 900 + small.shape[1]] = small
    assert detect(landscape, PASSES[:2]) == []
    (box,) = detect_faces(landscape)
    expected = np.array(portrait.to_dataset_box()) * scale + (900, 500, 900, 500)
    assert np.abs(np.array(box) - expected).max() < 30
