"""Regions of the face parts in the skin texture.

The regions are equal for all faces, because the texture follows the deformation of the head.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from keypoints.rendered.head import AZIMUTHS, HEIGHTS, mean_head
from keypoints.rendered.raster import SHIFT, fixed_point

ZOOM = 4  # texels per cell of the head's grid
SIZE = (len(HEIGHTS) * ZOOM, len(AZIMUTHS) * ZOOM)
DEGREES = np.degrees(np.interp(np.arange(SIZE[1]) / ZOOM, np.arange(len(AZIMUTHS)), AZIMUTHS))
TEXEL_HEIGHTS = np.interp(np.arange(SIZE[0]) / ZOOM, np.arange(len(HEIGHTS)), HEIGHTS)


@dataclass(frozen=True)
class Patch:
    """A region of the texture: its bounding box, and an alpha mask of the box, 0..1."""

    window: tuple[slice, slice]
    alpha: np.ndarray

    @classmethod
    def from_mask(cls, mask: np.ndarray) -> "Patch":
        """Crop a uint8 mask of the whole texture to its bounding box."""
        x, y, width, height = cv2.boundingRect(mask)
        window = np.s_[y : y + height, x : x + width]
        return cls(window, mask[window].astype(np.float32) / 255)


def uv_to_texel(uv: np.ndarray) -> np.ndarray:
    """Convert UV coordinates, (..., 2), to texture pixels, (x, y)."""
    return (uv + 0.5) * ZOOM - 0.5


def upsample(grid: np.ndarray) -> np.ndarray:
    """Interpolate the values of the grid at every texel."""
    return cv2.resize(grid, SIZE[::-1])


def fill_polygons(*polygons: np.ndarray, blur: float = 0.0) -> Patch:
    """Patch of the inside of polygons, in texels, with a soft edge."""
    mask = np.zeros(SIZE, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [fixed_point(polygon)], 255, cv2.LINE_AA, SHIFT)
    return Patch.from_mask(cv2.GaussianBlur(mask, (0, 0), blur) if blur > 0 else mask)


def stroke_lines(*lines: np.ndarray, width: int, blur: float) -> Patch:
    """Patch of lines through texels, with soft edges."""
    mask = np.zeros(SIZE, np.uint8)
    for line in lines:
        cv2.polylines(mask, [fixed_point(line)], False, 255, width, cv2.LINE_AA, SHIFT)
    return Patch.from_mask(cv2.GaussianBlur(mask, (0, 0), blur))


def smooth_curve(points: np.ndarray, *, closed: bool = False) -> np.ndarray:
    """Catmull-Rom spline through points, with eight steps between neighbours, (n, 2).

    Source: Catmull and Rom, A class of local interpolating splines, 1974.
    """
    first, last = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    around = np.concatenate([first, points, last])
    before, start, end, after = around[:-3], around[1:-2], around[2:-1], around[3:]
    t = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    before, start, end, after = (p[:, None] for p in (before, start, end, after))
    curve = start + 0.5 * t * (
        end - before + t * (2 * before - 5 * start + 4 * end - after
                            + t * (3 * (start - end) + after - before))
    )  # fmt: skip
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def ellipse(centre: Sequence[float] | np.ndarray, a: float, b: float) -> np.ndarray:
    """Outline of an ellipse with half axes `a` along x and `b` along y, (24, 2)."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.asarray(centre) + np.stack([a * np.cos(angle), b * np.sin(angle)], axis=1)


def landmark_texels() -> np.ndarray:
    """Texture pixels of the iBUG-68 landmarks, (68, 2)."""
    return uv_to_texel(mean_head().ibug_uv)


@lru_cache(maxsize=1)
def face_parts() -> dict[str, Patch]:
    """Patches of the face parts, by name."""
    at = landmark_texels()
    return _eye_parts(at) | _nose_parts(at) | _mouth_parts(at) | _skin_parts(at)


def _eye_parts(at: np.ndarray) -> dict[str, Patch]:
    eyes = (at[36:42], at[42:48])
    crease = np.array([(0, -5), (0, -9), (0, -9), (0, -4)])
    bags = [smooth_curve(eye[[3, 4, 5, 0]] + [(0, 4), (0, 10), (0, 10), (0, 4)]) for eye in eyes]
    sockets = [(smooth_curve(e, closed=True) - e.mean(0)) * (1.25, 2.6) + e.mean(0) for e in eyes]
    return {
        "left_eye": fill_polygons(smooth_curve(eyes[0], closed=True), blur=0.6),
        "right_eye": fill_polygons(smooth_curve(eyes[1], closed=True), blur=0.6),
        "lashes": stroke_lines(*(smooth_curve(eye[:4]) for eye in eyes), width=3, blur=0.8),
        "lower_lashes": stroke_lines(
            *(smooth_curve(eye[[3, 4, 5, 0]]) for eye in eyes), width=1, blur=0.8
        ),
        "lid_crease": stroke_lines(
            *(smooth_curve(eye[:4] + crease) for eye in eyes), width=1, blur=1.1
        ),
        "eye_bags": stroke_lines(*bags, width=2, blur=1.6),
        "sockets": fill_polygons(*sockets, blur=6),
    }


def _nose_parts(at: np.ndarray) -> dict[str, Patch]:
    wings = []
    for point, side in ((31, -1), (35, 1)):
        wing = np.array([(4, -18), (9, -12), (10, -5), (5, 1), (-2, 1)]) * (side, 1)
        wings.append(smooth_curve(at[point] + wing))
    nostrils = [ellipse((at[a] + at[b]) / 2 + (0, -4), 7, 3.6) for a, b in ((31, 32), (34, 35))]
    return {
        "wings": stroke_lines(*wings, width=2, blur=1.4),
        "nostrils": fill_polygons(*nostrils, blur=1.1),
        "under_nose": fill_polygons(at[31:36] + (0, -3), at[[31, 33, 35]] + (0, 4), blur=3),
        "nose_tip": fill_polygons(ellipse(at[30] + (0, 2), 8, 7), blur=3),
    }


def _mouth_parts(at: np.ndarray) -> dict[str, Patch]:
    folds = []
    for wing, corner, side in ((31, 48, -1), (35, 54, 1)):
        start, end = at[wing] + (side * 8, -10), at[corner] + (side * 9, 4)
        folds.append(smooth_curve(np.stack([start, (start + end) / 2 + (side * 7, 0), end])))
    return {
        "lips": fill_polygons(smooth_curve(at[48:60], closed=True), blur=1.0),
        "lower_lip_shine": fill_polygons(ellipse(at[57] + (0, -7), 14, 3), blur=2),
        "mouth": fill_polygons(smooth_curve(at[60:68], closed=True), blur=0.5),
        "tongue": fill_polygons(smooth_curve(_tongue(at), closed=True), blur=1.2),
        "lip_line": stroke_lines(smooth_curve(at[60:65]), width=2, blur=0.9),
        "mouth_corners": fill_polygons(ellipse(at[48], 3, 3), ellipse(at[54], 3, 3), blur=1.5),
        "under_lip": fill_polygons(ellipse(at[57] + (0, 9), 16, 4), blur=4),
        "folds": stroke_lines(*folds, width=3, blur=2.2),
    }


def _tongue(at: np.ndarray) -> np.ndarray:
    """Outline of a tongue that hangs over the lower lip, (8, 2)."""
    middle, top, tip = at[66, 0], at[62, 1] + 4, at[57, 1] + 13
    half = 0.42 * (at[64, 0] - at[60, 0]) / 2
    across = np.array([-0.6, 0.6, 1.0, 1.0, 0.75, 0.0, -0.75, -1.0]) * half
    down = np.array([0.0, 0.0, 0.2, 0.65, 0.9, 1.0, 0.9, 0.65]) * (tip - top)
    return np.stack([middle + across, top + down], axis=1)


def _skin_parts(at: np.ndarray) -> dict[str, Patch]:
    jaw = at[1:16] + (0, 10)
    under_nose = np.stack([at[35] + (4, 6), at[33] + (0, 8), at[31] + (-4, 6)])
    right = np.stack([at[14] + (-6, 0), at[54] + (16, -6)])
    left = np.stack([at[48] + (-16, -6), at[2] + (6, 0)])
    forehead = at[19:25].mean(axis=0)
    ears = [np.array([np.abs(DEGREES - side * 100).argmin(), at[1, 1] - 8]) for side in (-1, 1)]
    wrinkles = [
        smooth_curve(forehead + [(-45, -y + 4), (-15, -y), (15, -y), (45, -y + 4)])
        for y in (18, 30, 41)
    ]
    return {
        "blush": fill_polygons(*(ellipse(at[eye] + (0, 50), 26, 20) for eye in (41, 46)), blur=11),
        "beard": fill_polygons(np.concatenate([jaw, right, under_nose, left]), blur=6),
        "moustache": fill_polygons(np.concatenate([under_nose, at[48:55] + (0, 1)]), blur=3),
        "wrinkles": stroke_lines(*wrinkles, width=1, blur=1.5),
        "ears": fill_polygons(*(ellipse(ear, 11, 26) for ear in ears), blur=3),
        "ear_folds": stroke_lines(
            *(ellipse(ear - (0, 20), *size) for ear in ears for size in ((9, 34), (3, 14))),
            width=3, blur=1.5,
        ),
    }  # fmt: skip
