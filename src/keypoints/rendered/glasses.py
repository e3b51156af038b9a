"""Glasses, drawn over a head that is already in the photo."""

import cv2
import numpy as np

from keypoints.rendered.overlay import cover, fixed_point, stroke
from keypoints.rendered.raster import Camera
from keypoints.rendered.scene import Glasses

_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)


def put_on_glasses(
    canvas: np.ndarray, glasses: Glasses, landmarks: np.ndarray, camera: Camera
) -> None:
    """Draw glasses around the eyes.

    Args:
        canvas: uint8 (height, width, 3), drawn on in place.
        glasses: Their shape and colours.
        landmarks: The 68 upright landmarks, (68, 3), inter-ocular distances.
        camera: The projection.
    """
    width = max(1.0, camera.scale * glasses.rim)
    rims = []
    for eye, side in ((_LEFT_EYE, -1), (_RIGHT_EYE, 1)):
        middle = landmarks[eye].mean(axis=0)
        rim = camera.project(_rim(glasses, middle, side))[:, :2]
        lens = np.zeros(canvas.shape[:2], np.uint8)
        cv2.fillPoly(lens, [fixed_point(rim)], 255, cv2.LINE_AA, 4)
        cover(canvas, lens, glasses.lens_colour, glasses.opacity)
        stroke(canvas, rim, width, glasses.rim_colour, closed=True)
        # The arm on the far side is behind the head.
        if side * camera.rotation[0, 2] < 0.14:
            hinge = middle + (side * (glasses.half_size[0] + 0.02), 0, 0.08 - middle[2])
            ear = np.array([side * 0.9, 0.0, -0.7])
            arm = camera.project(np.stack([hinge, ear]))[:, :2]
            stroke(canvas, arm, width, glasses.rim_colour)
        rims.append(rim)
    # The points of a rim start at the right and go around: the bridge joins the inner sides.
    bridge = np.stack([rims[0][0], rims[1][len(rims[1]) // 2]])
    stroke(canvas, bridge, width, glasses.rim_colour)


def _rim(glasses: Glasses, eye: np.ndarray, side: int) -> np.ndarray:
    """Outline of a lens before an eye, upright, (40, 3): a superellipse bent around the face."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)])
    unit = np.sign(unit) * np.abs(unit) ** (2 / glasses.roundness)
    x, y = unit * np.array(glasses.half_size)[:, None]
    depth = 0.2 - 0.12 * np.abs(x + side * 0.1) - eye[2]
    return eye + (side * 0.02, 0.03, 0) + np.stack([x, y, depth], axis=1)
