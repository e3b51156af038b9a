"""Textures of the eyes between the lids and of the mouth between the lips."""

import cv2
import numpy as np

from keypoints.rendered.face_parts import ZOOM, Patch, face_parts
from keypoints.rendered.head import mean_head, sample_grid
from keypoints.rendered.scene import Scene, Stream

_SCLERA = np.array([0.66, 0.68, 0.74], np.float32)
_PUPIL = np.full(3, 0.004, np.float32)
_HIGHLIGHT = np.full(3, 1.6, np.float32)
_THROAT = np.array([0.02, 0.015, 0.05], np.float32)
_TONGUE = np.array([0.14, 0.12, 0.42], np.float32)


def _positions(grid: np.ndarray, patch: Patch) -> np.ndarray:
    """Position of each texel of a patch on the upright head, (height, width, 3)."""
    rows, columns = patch.window
    y, x = np.mgrid[rows, columns].astype(np.float32)
    return cv2.remap(grid, (x + 0.5) / ZOOM - 0.5, (y + 0.5) / ZOOM - 0.5, cv2.INTER_LINEAR)


def _blend(target: np.ndarray, colour: np.ndarray, alpha: np.ndarray) -> None:
    target += (colour - target) * alpha[..., None]


def paint_eyes(albedo: np.ndarray, scene: Scene, grid: np.ndarray) -> None:
    """Paint sclera, iris, pupil and a highlight into the skin texture, in place.

    Args:
        albedo: Skin texture, (height, width, 3).
        scene: Scene with the person and the gaze.
        grid: Deformed upright head, (n_rows, n_columns, 3).
    """
    landmarks = sample_grid(grid, mean_head().ibug_uv)
    for name, first in (("left_eye", 36), ("right_eye", 42)):
        patch = face_parts()[name]
        outer, inner = landmarks[[first, first + 3], :2]
        centre = (outer + inner) / 2 + (0, -0.015) + np.array(scene.gaze)
        x, y = np.moveaxis(_positions(grid, patch)[..., :2] - centre.astype(np.float32), -1, 0)
        radius = np.hypot(x, y) / (0.21 * np.linalg.norm(outer - inner))
        eye = np.empty((*radius.shape, 3), np.float32)
        eye[:] = _SCLERA
        iris = (scene.person.colours.iris * (0.6 + 0.7 * radius[..., None])).astype(np.float32)
        _blend(eye, iris, np.clip((1.05 - radius) * 8, 0, 1))
        eye *= 1 - 0.65 * np.exp(-(((radius - 1) / 0.1) ** 2))[..., None]  # dark rim
        _blend(eye, _PUPIL, np.clip((0.42 - radius) * 8, 0, 1))
        eye *= np.clip((y + 0.08) / 0.07, 0.4, 1)[..., None]  # shadow of the upper lid
        highlight = np.hypot(x - 0.02, y + 0.025) / 0.014
        _blend(eye, _HIGHLIGHT, np.clip(1.5 - highlight, 0, 1))
        _blend(albedo[patch.window], eye, patch.alpha)


def paint_mouth(albedo: np.ndarray, scene: Scene, grid: np.ndarray) -> None:
    """Paint teeth, tongue and throat into the skin texture, in place (see `paint_eyes`)."""
    rng = scene.person.generator(Stream.TEETH)
    patch = face_parts()["mouth"]
    landmarks = sample_grid(grid, mean_head().ibug_uv)
    position = _positions(grid, patch)
    x, y = position[..., 0] - landmarks[62, 0], position[..., 1]
    corners, upper = landmarks[[60, 64], 1].mean(), landmarks[62, 1]
    below_lip = y - upper - (corners - upper) * (x / 0.3) ** 2
    inside = np.empty((*x.shape, 3), np.float32)
    inside[:] = _THROAT
    length = rng.uniform(0.07, 0.13) + 0.06 * scene.expression.upper_lip_raise
    teeth = np.clip((length - 0.3 * x**2 - below_lip) / 0.015, 0, 1)
    teeth *= np.clip((0.27 - np.abs(x)) / 0.06, 0, 1)
    gaps = 1 - 0.25 * np.abs(np.cos(np.pi * x / 0.085)) ** 12
    white = rng.uniform(0.55, 0.95) * np.array([0.82, 0.95, 1.0])
    tongue_top = landmarks[66, 1] - (0.3 if scene.expression.tongue else 0.09)
    tongue = np.clip((y - tongue_top) / 0.03, 0, 1) * np.clip((0.16 - np.abs(x)) / 0.04, 0, 1)
    _blend(inside, _TONGUE, 0.9 * tongue)
    _blend(inside, (white * gaps[..., None]).astype(np.float32), teeth)
    # The outlines of closed lips still enclose a gap, which does not show the mouth.
    is_open = np.clip((landmarks[66, 1] - upper) / 0.035, 0, 1)
    _blend(albedo[patch.window], inside, patch.alpha * np.float32(is_open))
    if scene.expression.tongue:
        _paint_tongue(albedo, landmarks, grid)


def _paint_tongue(albedo: np.ndarray, landmarks: np.ndarray, grid: np.ndarray) -> None:
    """Paint the tongue over the lower lip, darker at its sides and along its middle."""
    patch = face_parts()["tongue"]
    x = (_positions(grid, patch)[..., 0] - landmarks[66, 0]) / 0.13
    shade = 1.15 - 0.55 * x**2 - 0.25 * np.exp(-((x / 0.1) ** 2))
    colour = (shade.clip(0.4, 1.2)[..., None] * 1.15 * _TONGUE).astype(np.float32)
    _blend(albedo[patch.window], colour, patch.alpha)
