"""Measurements of the mean head: landmarks with depth, points between them, the skull behind them.

Lengths are in inter-ocular distances (outer eye corner to outer eye corner, about 90 mm). The
origin is midway between the outer eye corners; x points right in the image, y down, z to the
camera.
"""

import numpy as np

from keypoints.core.landmarks import IBUG_68

# Downward pitch of the mean pose in the public photos, relative to the anatomical horizon.
# Measured by comparing the vertical distances of the mean photo with anthropometric ones.
MEAN_PITCH_DEGREES = 10.0

# Camera distance of the mean photo, in inter-ocular distances: about a metre.
MEAN_DISTANCE = 12.0

# The median face over many poses is slightly shorter than the head itself. With this factor, heads
# rendered in the poses of the public photos reproduce the proportions of the median face.
_VERTICAL_SCALE = 1.018

# Landmarks 0-8 and those in the left half of the image, in the mean pose. x and y: medians of the
# near-frontal faces of the public 300-W training set, rounded to 0.01. z: estimated from the
# parallax of each landmark over the turned faces, rounded; z of the jaw, whose landmarks slide
# along the outline, was set by hand.
_LEFT_LANDMARKS = {
    0: (-0.78, 0.00, -0.58), 1: (-0.77, 0.21, -0.59), 2: (-0.75, 0.42, -0.60),
    3: (-0.71, 0.63, -0.54), 4: (-0.64, 0.82, -0.41), 5: (-0.53, 0.98, -0.23),
    6: (-0.37, 1.12, -0.10), 7: (-0.20, 1.23, 0.00), 8: (0.00, 1.26, 0.04),
    17: (-0.66, -0.14, -0.07), 18: (-0.57, -0.23, 0.05), 19: (-0.42, -0.25, 0.14),
    20: (-0.28, -0.23, 0.21), 21: (-0.14, -0.18, 0.26),
    27: (0.00, -0.02, 0.25), 28: (0.00, 0.12, 0.32), 29: (0.00, 0.27, 0.40), 30: (0.00, 0.41, 0.46),
    31: (-0.16, 0.49, 0.24), 32: (-0.08, 0.52, 0.28), 33: (0.00, 0.54, 0.30),
    36: (-0.50, 0.00, 0.00), 37: (-0.41, -0.05, 0.05), 38: (-0.31, -0.05, 0.08),
    39: (-0.22, 0.02, 0.06), 40: (-0.31, 0.04, 0.06), 41: (-0.42, 0.04, 0.04),
    48: (-0.31, 0.73, 0.04), 49: (-0.20, 0.69, 0.13), 50: (-0.08, 0.67, 0.22),
    51: (0.00, 0.69, 0.23), 57: (0.00, 0.91, 0.19), 58: (-0.09, 0.90, 0.17),
    59: (-0.20, 0.85, 0.11), 60: (-0.27, 0.74, 0.04), 61: (-0.09, 0.73, 0.18),
    62: (0.00, 0.74, 0.20), 66: (0.00, 0.81, 0.19), 67: (-0.09, 0.79, 0.17),
}  # fmt: skip

# Unannotated points between the landmarks that give the face its relief. Mean pose.
_LEFT_RELIEF = (
    (0.00, -0.21, 0.30),  # glabella
    (0.00, -0.62, 0.34),  # forehead
    (-0.40, -0.55, 0.22),
    (-0.66, -0.50, 0.00),
    (-0.76, -0.22, -0.30),  # temple
    (-0.33, -0.13, 0.13),  # upper lid crease
    (-0.10, 0.02, 0.14),  # side of the nose
    (-0.12, 0.20, 0.20),
    (-0.14, 0.33, 0.25),
    (-0.20, 0.44, 0.19),  # wing of the nose
    (-0.36, 0.18, 0.06),  # under the eye
    (-0.56, 0.28, -0.08),  # cheek bone
    (-0.40, 0.42, 0.05),
    (-0.52, 0.62, -0.15),  # cheek
    (-0.28, 0.58, 0.10),
    (-0.40, 0.88, -0.13),
    (0.00, 1.00, 0.12),  # fold under the lip
    (0.00, 1.13, 0.13),  # chin
    (-0.22, 1.08, 0.04),
)

# Horizontal sections of the skull, neck and chest, upright. Columns: height at the front, at the
# side and at the back; half width; depth at the front, at the side and at the back.
SECTIONS = np.array(
    [
        (-1.40, -1.40, -1.40, 0.02, -0.70, -0.72, -0.74),
        (-1.33, -1.34, -1.33, 0.36, -0.33, -0.72, -1.10),
        (-1.20, -1.22, -1.20, 0.58, -0.08, -0.72, -1.40),
        (-1.00, -1.02, -1.00, 0.72, 0.08, -0.70, -1.62),
        (-0.75, -0.78, -0.75, 0.79, 0.19, -0.68, -1.75),
        (-0.30, -0.34, -0.35, 0.83, 0.26, -0.65, -1.83),
        (0.00, -0.06, 0.00, 0.84, 0.22, -0.62, -1.80),
        (0.30, 0.20, 0.30, 0.83, 0.22, -0.60, -1.70),
        (0.55, 0.42, 0.55, 0.80, 0.24, -0.58, -1.55),
        (0.80, 0.62, 0.80, 0.75, 0.24, -0.55, -1.40),
        (1.05, 0.78, 1.00, 0.68, 0.20, -0.50, -1.30),
        (1.27, 0.90, 1.15, 0.58, 0.12, -0.50, -1.25),
        (1.36, 1.05, 1.28, 0.50, -0.16, -0.62, -1.22),
        (1.55, 1.30, 1.45, 0.48, -0.36, -0.72, -1.20),
        (1.90, 1.70, 1.70, 0.52, -0.42, -0.78, -1.25),
        (2.15, 2.00, 1.85, 0.75, -0.38, -0.80, -1.30),
        (2.45, 2.25, 2.05, 1.50, -0.25, -0.80, -1.35),
        (2.90, 2.85, 2.60, 2.00, -0.05, -0.80, -1.40),
        (4.50, 4.40, 4.00, 2.10, 0.05, -0.80, -1.40),
    ]
)

# In photos that show crown and shoulders in full, the crown is lower and rounder, and the shoulders
# are higher and broader: y of a point for its y above, and the factor of its x.
STUDIO_Y = (
    (-1.40, -0.50, 1.40, 2.00, 2.25, 2.85, 4.50),
    (-1.15, -0.50, 1.40, 1.64, 1.80, 2.20, 3.00),
)
STUDIO_WIDTH = (
    (-1.40, -1.00, -0.70, -0.40, 1.40, 1.60, 2.25),
    (0.80, 0.88, 0.94, 1.0, 1.0, 1.15, 1.15),
)

# IMM-58 landmarks in the mean pose, left half: medians of the neutral frontal faces of the public
# IMM set, rounded. Jaw and mouth are given as iBUG-68 landmarks instead; a fraction is a position
# between two neighbouring jaw landmarks.
IMM_LEFT_LANDMARKS = {
    21: (-0.50, 0.00), 22: (-0.44, -0.05), 23: (-0.35, -0.07), 24: (-0.26, -0.04),
    25: (-0.19, 0.01), 26: (-0.26, 0.03), 27: (-0.35, 0.05), 28: (-0.43, 0.04),
    34: (-0.15, -0.16), 35: (-0.27, -0.24), 36: (-0.45, -0.26), 37: (-0.55, -0.21),
    38: (-0.62, -0.11), 47: (-0.09, 0.03), 48: (-0.12, 0.25), 49: (-0.19, 0.33),
    50: (-0.19, 0.44), 51: (-0.11, 0.48), 52: (0.00, 0.49),
}  # fmt: skip
IMM_JAW_ON_IBUG = (2.5, 3.4, 4.35, 5.2, 6.1, 7.05, 8.0, 8.95, 9.9, 10.8, 11.65, 12.6, 13.5)
IMM_MOUTH_ON_IBUG = (48, 50, 51, 52, 54, 56, 57, 58)


def pitch_matrix(degrees: float) -> np.ndarray:
    """Rotation about the x axis by `degrees`, positive lowers the nose, (3, 3)."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])


def mean_landmarks() -> np.ndarray:
    """The iBUG-68 landmarks of the mean head in the mean pose, (68, 3)."""
    landmarks = np.zeros((68, 3))
    for point, position in _LEFT_LANDMARKS.items():
        landmarks[point] = position
        landmarks[IBUG_68.flip_indices[point]] = np.multiply(position, (-1, 1, 1))
    # The table was measured on photos, in which points behind the eyes appear smaller.
    landmarks[:, :2] *= 1 - landmarks[:, 2:] / MEAN_DISTANCE
    landmarks[:, 1] *= _VERTICAL_SCALE
    return landmarks


def mean_relief() -> np.ndarray:
    """The relief points of both halves of the face in the mean pose, (n, 3)."""
    left = np.array(_LEFT_RELIEF)
    right = left[left[:, 0] < 0] * (-1, 1, 1)
    return np.concatenate([left, right])
