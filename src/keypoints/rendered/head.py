"""Surface of the head: a grid of points, deformed by control points.

Columns of the grid run around the head, rows down it. UV coordinates are fractional `(column, row)`
positions on the grid; textures and landmarks have fixed UV coordinates, so they follow every
identity and expression.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from keypoints.core.landmarks import IMM_58
from keypoints.rendered import anatomy

# Degrees from the nose to the back of the head: dense in front and at the ears.
_HALF_TURN = np.concatenate(
    [np.arange(0, 45, 2), np.arange(46, 83, 4), np.arange(86, 117, 3), np.arange(120, 181, 10)]
)
AZIMUTHS = np.radians(np.concatenate([-_HALF_TURN[:0:-1], _HALF_TURN]).astype(float))
# Height of each row at the front: dense between brows and chin.
HEIGHTS = np.concatenate(
    [np.linspace(-1.4, -0.5, 16), np.arange(-0.46, 1.29, 0.034), np.linspace(1.32, 2.1, 9)]
    + [np.linspace(2.3, 4.5, 8)]
)
# Units of height that one radian of azimuth counts as in the distances of the thin-plate spline.
_AZIMUTH_LENGTH = 0.8


@dataclass(frozen=True)
class Head:
    """The mean head and its control points.

    Attributes:
        grid: Upright surface, (n_rows, n_columns, 3), in inter-ocular distances.
        weights: Influence of each control point on each grid point,
            (n_rows * n_columns, n_controls).
        controls: Upright positions of the control points, (n_controls, 3); the first 68 are the
            iBUG-68 landmarks.
        ibug_uv: UV coordinates of the iBUG-68 landmarks, (68, 2).
        imm_uv: UV coordinates of the IMM-58 landmarks, (58, 2).
    """

    grid: np.ndarray
    weights: np.ndarray
    controls: np.ndarray
    ibug_uv: np.ndarray
    imm_uv: np.ndarray

    def deform(self, shift: np.ndarray) -> np.ndarray:
        """Grid after the control points have moved by `shift`, (n_controls, 3)."""
        # Not `@`: BLAS would start its own threads in each of the rendering processes.
        points = self.grid.reshape(-1, 3)
        moved = cv2.gemm(self.weights, shift.astype(np.float32), 1.0, points, 1.0)
        return np.asarray(moved).reshape(self.grid.shape)


def ramp(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """Smoothstep function: 0 below `start`, 1 above `end`."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def bump_kernel(points: np.ndarray, x: float, y: float, radius: float) -> np.ndarray:
    """Smooth weights: 1 at (+-x, y), 0 at a distance of `radius` and beyond, (n_points,)."""
    distance = np.hypot(np.abs(points[:, 0]) - x, points[:, 1] - y) / radius
    return np.clip(1 - distance**2, 0, 1) ** 2


def sample_grid(grid: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Interpolate the values of a grid bilinearly at UV coordinates, (..., 2)."""
    columns = np.clip(uv[..., 0], 0, grid.shape[1] - 1.001)
    rows = np.clip(uv[..., 1], 0, grid.shape[0] - 1.001)
    column, row = columns.astype(int), rows.astype(int)
    right, down = (columns - column)[..., None], (rows - row)[..., None]
    top = grid[row, column] * (1 - right) + grid[row, column + 1] * right
    bottom = grid[row + 1, column] * (1 - right) + grid[row + 1, column + 1] * right
    return top * (1 - down) + bottom * down


@lru_cache(maxsize=1)
def mean_head() -> Head:
    """Build the mean head, once per process."""
    upright = anatomy.pitch_matrix(-anatomy.MEAN_PITCH_DEGREES)
    face = np.concatenate([anatomy.mean_landmarks(), anatomy.mean_relief()]) @ upright.T
    face_at = _nearest_on_skull(face)
    fixed_at = _fixed_points()
    controls_at = np.concatenate([face_at, fixed_at])
    fixed = skull_surface(fixed_at[:, 0], fixed_at[:, 1])
    controls = np.concatenate([face, fixed])

    azimuths, heights = np.meshgrid(AZIMUTHS, HEIGHTS)
    skull = skull_surface(azimuths, heights)  # (n_rows, n_columns, 3)
    grid_at = np.stack([azimuths, heights], axis=-1).reshape(-1, 2)
    weights = _thin_plate_weights(grid_at, controls_at)
    shift = controls - skull_surface(controls_at[:, 0], controls_at[:, 1])
    grid = skull + (weights @ shift).reshape(skull.shape) + _ears(azimuths, heights)
    ibug_uv = _to_uv(face_at[:68])
    return Head(
        grid=grid.astype(np.float32),
        weights=weights.astype(np.float32),
        controls=controls,
        ibug_uv=ibug_uv,
        imm_uv=_imm_uv(grid, ibug_uv),
    )


def skull_surface(azimuth: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Surface of the bare skull, neck and chest, upright, (..., 3).

    Args:
        azimuth: Angle around the head in radians, 0 at the nose, (...).
        height: Height at the front of the head, (...).
    """
    fine = np.linspace(-1.4, 4.5, 600)
    sections = np.stack(
        [_smooth(np.interp(fine, anatomy.SECTIONS[:, 0], c)) for c in anatomy.SECTIONS.T[1:]]
    )
    side_y, back_y, half_width, front_z, side_z, back_z = (
        np.interp(height, fine, column) for column in sections
    )
    cos, forward = np.cos(azimuth), np.cos(azimuth) > 0
    roundness = np.abs(cos)
    end_y = np.where(forward, height, back_y)
    end_z = np.where(forward, front_z, back_z)
    return np.stack(
        [
            half_width * np.sin(azimuth),
            side_y + (end_y - side_y) * roundness**1.5,
            side_z + (end_z - side_z) * roundness**0.85,
        ],
        axis=-1,
    )


def to_studio(surface: np.ndarray) -> np.ndarray:
    """Move crown and shoulders of an upright surface, (..., 3), for a photo that shows them."""
    x, y, z = np.moveaxis(surface, -1, 0)
    moved = [x * np.interp(y, *anatomy.STUDIO_WIDTH), np.interp(y, *anatomy.STUDIO_Y), z]
    return np.stack(moved, axis=-1).astype(np.float32)


def _smooth(values: np.ndarray) -> np.ndarray:
    kernel = np.hanning(17) / np.hanning(17).sum()
    return np.convolve(np.pad(values, 8, mode="edge"), kernel, mode="valid")


def _nearest_on_skull(positions: np.ndarray) -> np.ndarray:
    """Azimuth and height of the nearest skull point to each position, (n, 2)."""
    azimuth, height = np.meshgrid(np.radians(np.arange(-120, 121, 1.0)), np.arange(-1, 1.4, 0.02))
    # Depth has a small weight: the nose is far in front of the skull point that it belongs to.
    scale = np.array([1, 1, 0.3])
    surface = skull_surface(azimuth, height).reshape(-1, 3) * scale
    distance2 = ((surface[:, None] - positions * scale) ** 2).sum(axis=-1)  # (n_surface, n)
    best = distance2.argmin(axis=0)
    return np.stack([azimuth.ravel()[best], height.ravel()[best]], axis=1)


def _fixed_points() -> np.ndarray:
    """Azimuth and height of the control points at crown, back of the head, neck and chest, (n, 2).

    These control points lie on the skull and never move.
    """
    around = [(a, h) for a in (-180, -140, -108, 108, 140, 180) for h in (-1.3, -0.6, 0.1, 0.8)]
    crown = [(a, -1.2) for a in (-60, -25, 0, 25, 60)] + [(a, -0.85) for a in (-70, 70)]
    neck = [(a, h) for a in (-180, -110, -60, 0, 60, 110, 180) for h in (1.6, 2.2, 3.5)]
    points = np.array(around + crown + neck, float)
    return np.stack([np.radians(points[:, 0]), points[:, 1]], axis=1)


def _thin_plate_weights(at: np.ndarray, controls_at: np.ndarray) -> np.ndarray:
    """Interpolation weights from values at the control points to other points, (n, n_controls).

    Args:
        at: Azimuth and height of the other points, (n, 2).
        controls_at: Azimuth and height of the control points, (n_controls, 2).

    Source: Bookstein, Principal Warps: Thin-Plate Splines, 1989.
    """
    n = len(controls_at)
    scale = np.array([_AZIMUTH_LENGTH, 1.0])

    def basis(points: np.ndarray) -> np.ndarray:
        distance2 = (((points[:, None] - controls_at[None]) * scale) ** 2).sum(axis=-1)
        kernel = distance2 * np.log(distance2 + 1e-12)
        return np.concatenate([kernel, np.ones((len(points), 1)), points * scale], axis=1)

    system = np.zeros((n + 3, n + 3))
    system[:n] = basis(controls_at)
    system[n:, :n] = system[:n, n:].T
    system[:n, :n] += 1e-5 * np.eye(n)  # regularisation: control points of an eyelid are close
    return basis(at) @ np.linalg.inv(system)[:, :n]


def _ears(azimuth: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Offset of the ears from the skull, (n_rows, n_columns, 3)."""
    degrees = np.degrees(np.abs(azimuth))
    across = np.clip(1 - np.abs(degrees - 102) / 11, 0, 1)
    down = np.sqrt(np.clip(1 - ((height - 0.2) / 0.4) ** 2, 0, 1))
    out = 0.17 * np.minimum(across * 1.8, 1) * down * np.interp(height, [-0.2, 0.6], [1.1, 0.6])
    return np.stack([np.sign(azimuth) * out, 0.0 * out, -0.25 * out], axis=-1)


def _to_uv(at: np.ndarray) -> np.ndarray:
    """UV coordinates of points given by azimuth and height, (n, 2)."""
    columns = np.interp(at[:, 0], AZIMUTHS, np.arange(len(AZIMUTHS)))
    rows = np.interp(at[:, 1], HEIGHTS, np.arange(len(HEIGHTS)))
    return np.stack([columns, rows], axis=1)


def _imm_uv(grid: np.ndarray, ibug_uv: np.ndarray) -> np.ndarray:
    """UV coordinates of the IMM-58 landmarks, (58, 2)."""
    uv = np.zeros((58, 2))
    jaw = np.arange(17)
    for axis in range(2):
        uv[:13, axis] = np.interp(anatomy.IMM_JAW_ON_IBUG, jaw, ibug_uv[:17, axis])
    uv[39:47] = ibug_uv[list(anatomy.IMM_MOUTH_ON_IBUG)]
    last_column = len(AZIMUTHS) - 1
    for point, position in anatomy.IMM_LEFT_LANDMARKS.items():
        column, row = _uv_in_mean_pose(grid, np.array(position))
        uv[point] = column, row
        uv[IMM_58.flip_indices[point]] = last_column - column, row
        if position[0] == 0:
            uv[point] = last_column / 2, row
    return uv


def _uv_in_mean_pose(grid: np.ndarray, position: np.ndarray) -> np.ndarray:
    """UV coordinates of the front surface point that appears at (x, y) in the mean pose, (2,)."""
    front = slice(*np.searchsorted(AZIMUTHS, np.radians([-70, 70])))
    rows = slice(*np.searchsorted(HEIGHTS, [-0.5, 1.2]))
    posed = grid[rows, front] @ anatomy.pitch_matrix(anatomy.MEAN_PITCH_DEGREES).T
    zoom = 8
    fine = cv2.resize(posed, None, fx=zoom, fy=zoom)
    row, column = np.unravel_index(
        ((fine[..., :2] - position) ** 2).sum(axis=-1).argmin(), fine.shape[:2]
    )
    return (np.array([column, row]) + 0.5) / zoom - 0.5 + np.array([front.start, rows.start])
