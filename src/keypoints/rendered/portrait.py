"""A face that fills a grey picture of 96 x 96 px, as in Kaggle's facial-keypoints-detection."""

from dataclasses import dataclass

import cv2
import numpy as np

from keypoints.core.landmarks import IBUG_68
from keypoints.rendered.degradation import degrade
from keypoints.rendered.difficulty import REALISTIC, Difficulty
from keypoints.rendered.photo import draw_photo
from keypoints.rendered.posing import Framing, find_landmarks
from keypoints.rendered.wild import draw_setting

SIDE = 96  # px
# Means of the public set, px: the middle between the eyes, and how far apart their centres are.
_EYES = np.array([48.3, 37.8])
_EYES_STD = 2.5
_BOX_WIDTH, _BOX_WIDTH_LOG_STD = 93.0, 0.06  # of a detector's box, where the eyes are 36 px apart
_EDGE = 2.0  # px between a point and the edge of the picture, at least
_COMPLETE = 0.5  # share of the faces of which all points are known
# The points that the public set has of nearly every face: eye centres, nose tip, lower lip.
_ALWAYS_KNOWN = (0, 1, 10, 14)
# Of the 15 points, those that are one of the 68: all but the two centres of the eyes.
_AMONG_68 = {2: 42, 3: 45, 4: 39, 5: 36, 6: 22, 7: 26, 8: 21, 9: 17, 10: 30,
             11: 54, 12: 48, 13: 51, 14: 57}  # fmt: skip


@dataclass(frozen=True)
class Portrait:
    """A drawn picture.

    Attributes:
        pixels: (96, 96) uint8.
        landmarks_photo: All 15 points, px, (15, 2).
        is_known: Which of them an annotator gave, (15,).
    """

    pixels: np.ndarray
    landmarks_photo: np.ndarray
    is_known: np.ndarray


def draw_portrait(rng: np.random.Generator, difficulty: Difficulty = REALISTIC) -> Portrait:
    """Draw who it is, the picture, and what is known of it."""
    setting = draw_setting(rng, difficulty)
    unit = fifteen_of(find_landmarks(IBUG_68, setting.look, setting.posed))
    width = _BOX_WIDTH * np.exp(rng.normal(0, _BOX_WIDTH_LOG_STD))
    scale = setting.framing.scale * width / setting.box[2]
    origin = rng.normal(_EYES, _EYES_STD) - unit[:2].mean(axis=0) * scale
    low = _EDGE - unit.min(axis=0) * scale
    high = SIDE - 1 - _EDGE - unit.max(axis=0) * scale
    x, y = np.clip(origin, low, np.maximum(low, high))
    framing = Framing((SIDE, SIDE), (float(x), float(y)), scale)
    photo = degrade(draw_photo(setting.look, setting.posed, framing, rng), rng, difficulty.camera)
    is_known = np.full(len(unit), rng.random() < _COMPLETE)
    is_known[list(_ALWAYS_KNOWN)] = True
    return Portrait(
        pixels=cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY),
        landmarks_photo=unit * scale + (x, y),
        is_known=is_known,
    )


def fifteen_of(landmarks: np.ndarray) -> np.ndarray:
    """The 15 points out of iBUG's 68, (15, 2); the centre of an eye is the mean of its points."""
    left, right = landmarks[42:48].mean(axis=0), landmarks[36:42].mean(axis=0)
    return np.stack([left, right, *(landmarks[_AMONG_68[point]] for point in range(2, 15))])
