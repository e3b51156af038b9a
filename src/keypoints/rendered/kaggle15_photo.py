"""Photos of Kaggle's facial-keypoints-detection: a face that fills a grayscale image.

As in Kaggle's files, most faces have four points only, which follow a convention of their own.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from keypoints.core.landmarks import IBUG_68, KAGGLE_15, KAGGLE_15_FROM_IBUG
from keypoints.rendered.degradation import degrade
from keypoints.rendered.ibug_photo import sample_ibug_scene
from keypoints.rendered.landmarks import find_landmarks
from keypoints.rendered.photo import render_photo
from keypoints.rendered.posing import Framing
from keypoints.rendered.sampling import REALISTIC, Difficulty

IMAGE_SIZE = 96  # height and width in px
# Mean position of the midpoint between the eye centres in the public set, px.
_EYES = np.array([48.3, 37.8])
_EYES_STD = 2.5
# Width of a detector's box at the mean distance of the eye centres in the public set, 36 px.
_BOX_WIDTH, _BOX_WIDTH_LOG_STD = 93.0, 0.06
_MIN_MARGIN = 2.0  # px between the landmarks and the edge of the image
_COMPLETE_FRACTION = 1 / 3  # of the faces: those with 15 points, 2,284 of 7,039 in the public set


@dataclass(frozen=True)
class Kaggle15Photo:
    """A rendered photo.

    Attributes:
        pixels: (96, 96) uint8.
        landmarks_photo: All landmarks of both conventions, px, (19, 2).
        is_known: Whether each landmark is annotated, (19,).
    """

    pixels: np.ndarray
    landmarks_photo: np.ndarray
    is_known: np.ndarray


def render_kaggle15_photo(
    rng: np.random.Generator, difficulty: Difficulty = REALISTIC
) -> Kaggle15Photo:
    """Sample a scene, render it, and sample which landmarks are annotated."""
    ibug = sample_ibug_scene(rng, difficulty)
    landmarks = select_kaggle15(find_landmarks(IBUG_68, ibug.scene, ibug.head))
    width = _BOX_WIDTH * np.exp(rng.normal(0, _BOX_WIDTH_LOG_STD))
    scale = ibug.framing.scale * width / ibug.box[2]
    origin = rng.normal(_EYES, _EYES_STD) - landmarks[:2].mean(axis=0) * scale
    low = _MIN_MARGIN - landmarks.min(axis=0) * scale
    high = IMAGE_SIZE - 1 - _MIN_MARGIN - landmarks.max(axis=0) * scale
    x, y = np.clip(origin, low, np.maximum(low, high))
    framing = Framing((IMAGE_SIZE, IMAGE_SIZE), (float(x), float(y)), scale)
    photo = render_photo(ibug.scene, ibug.head, framing, rng)
    photo = degrade(photo, rng, difficulty.camera)
    kind = "15 points" if rng.random() < _COMPLETE_FRACTION else "4 points"
    is_known = np.isin(np.arange(len(landmarks)), KAGGLE_15.kinds[kind].points)
    return Kaggle15Photo(
        pixels=cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY),
        landmarks_photo=landmarks * scale + (x, y),
        is_known=is_known,
    )


def select_kaggle15(landmarks: np.ndarray) -> np.ndarray:
    """Select the landmarks from iBUG-68 ones, (19, 2)."""
    return np.stack([landmarks[list(points)].mean(axis=0) for points in KAGGLE_15_FROM_IBUG])
