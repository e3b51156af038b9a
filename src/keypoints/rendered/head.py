"""The surface of the head: a grid of points that control points pull into shape.

The grid runs around the head (columns) and down it (rows). A place on the head is its `(column,
row)` on the grid, fractional; textures and both markups are tied to such places, so they follow
every identity and expression.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from keypoints.core.landmarks import IMM_58
from keypoints.rendered import anatomy

# Degrees from the nose to the back of the head: dense in front and where the ears stand out.
_HALF_TURN = np.concatenate(
    [np.arange(0, 45, 2), np.arange(46, 83, 4), np.arange(86, 117, 3), np.arange(120, 181, 10)]
)
AZIMUTHS = np.radians(np.concatenate([-_HALF_TURN[:0:-1], _HALF_TURN]).astype(float))
# Height of the front of each row: dense between brows and chin.
HEIGHTS = np.concatenate(
    [np.linspace(-1.4, -0.5, 16), np.arange(-0.46, 1.29, 0.034), np.linspace(1.32, 2.1, 9)]
    + [np.linspace(2.3, 4.5, 8)]
)
# Radians of azimuth in units of height: how the smooth pull of a control point measures distance.
_AZIMUTH_LENGTH = 0.8


@dataclass(frozen=True)
class Head:
    """The mean head and how its surface follows the control points.

    Attributes:
        grid: Upright surface, (n_rows, n_columns, 3), inter-ocular distances.
        weights: How far each grid point follows each control, (n_rows * n_columns, n_controls).
        controls: Upright positions of the control points, (n_controls, 3); the first 68 are the
            landmarks of the iBUG markup.
        ibug_places: Places of the 68 landmarks, (68, 2), (column, row).
        imm_places: The same of the 58 landmarks, (58, 2).
    """

    grid: np.ndarray
    weights: np.ndarray
    controls: np.ndarray
    ibug_places: np.ndarray
    imm_places: np.ndarray

    def deformed(self, shift: np.ndarray) -> np.ndarray:
        """The grid after each control point moved by `shift`, (n_controls, 3)."""
        # Not `@`: BLAS would start threads for this in each of the processes that draw.
        points = self.grid.reshape(-1, 3)
        moved = cv2.gemm(self.weights, shift.astype(np.float32), 1.0, points, 1.0)
        return np.asarray(moved).reshape(self.grid.shape)


def sample_grid(grid: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values of a grid at fractional places, (..., 2), (column, row), by bilinear interpolation."""
    columns = np.clip(places[..., 0], 0, grid.shape[1] - 1.001)
    rows = np.clip(places[..., 1], 0, grid.shape[0] - 1.001)
    column, row = columns.astype(int), rows.astype(int)
    right, down = (columns - column)[..., None], (rows - row)[..., None]
    top = grid[row, column] * (1 - right) + grid[row, column + 1] * right
    bottom = grid[row + 1, column] * (1 - right) + grid[row + 1, column + 1] * right
    return top * (1 - down) + bottom * down


@lru_cache(maxsize=1)
def mean_head() -> Head:
    """Build the mean head, once per process."""
    upright = anatomy.pitch_matrix(-anatomy.MEAN_PITCH_DEGREES)
    pulled = np.concatenate([anatomy.mean_landmarks(), anatomy.mean_relief()]) @ upright.T
    pulled_at = _nearest_on_skull(pulled)
    fixed_at = _fixed_places()
    controls_at = np.concatenate([pulled_at, fixed_at])
    fixed = skull_surface(fixed_at[:, 0], fixed_at[:, 1])
    controls = np.concatenate([pulled, fixed])

    azimuths, heights = np.meshgrid(AZIMUTHS, HEIGHTS)
    skull = skull_surface(azimuths, heights)  # (n_rows, n_columns, 3)
    grid_at = np.stack([azimuths, heights], axis=-1).reshape(-1, 2)
    weights = _thin_plate_weights(grid_at, controls_at)
    shift = controls - skull_surface(controls_at[:, 0], controls_at[:, 1])
    grid = skull + (weights @ shift).reshape(skull.shape) + _ears(azimuths, heights)
    ibug_places = _grid_places(pulled_at[:68])
    return Head(
        grid=grid.astype(np.float32),
        weights=weights.astype(np.float32),
        controls=controls,
        ibug_places=ibug_places,
        imm_places=_imm_places(grid, ibug_places),
    )


def skull_surface(azimuth: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Upright position of the bare skull, neck and chest at an azimuth and a height, (..., 3)."""
    fine = np.linspace(-1.4, 4.5, 600)
    sections = np.stack(
        [_smoothed(np.interp(fine, anatomy.SECTIONS[:, 0], c)) for c in anatomy.SECTIONS.T[1:]]
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


def _smoothed(values: np.ndarray) -> np.ndarray:
    kernel = np.hanning(17) / np.hanning(17).sum()
    return np.convolve(np.pad(values, 8, mode="edge"), kernel, mode="valid")


def _nearest_on_skull(positions: np.ndarray) -> np.ndarray:
    """Azimuth and height of the skull point nearest to each position, (n, 2)."""
    azimuth, height = np.meshgrid(np.radians(np.arange(-120, 121, 1.0)), np.arange(-1, 1.4, 0.02))
    # Depth counts little: a nose stands far before the skull but belongs to the place behind it.
    scale = np.array([1, 1, 0.3])
    surface = skull_surface(azimuth, height).reshape(-1, 3) * scale
    distance2 = ((surface[:, None] - positions * scale) ** 2).sum(axis=-1)  # (n_surface, n)
    best = distance2.argmin(axis=0)
    return np.stack([azimuth.ravel()[best], height.ravel()[best]], axis=1)


def _fixed_places() -> np.ndarray:
    """Azimuths and heights that stay where the skull is: crown, back of the head, neck, chest."""
    around = [(a, h) for a in (-180, -140, -108, 108, 140, 180) for h in (-1.3, -0.6, 0.1, 0.8)]
    crown = [(a, -1.2) for a in (-60, -25, 0, 25, 60)] + [(a, -0.85) for a in (-70, 70)]
    neck = [(a, h) for a in (-180, -110, -60, 0, 60, 110, 180) for h in (1.6, 2.2, 3.5)]
    places = np.array(around + crown + neck, float)
    return np.stack([np.radians(places[:, 0]), places[:, 1]], axis=1)


def _thin_plate_weights(at: np.ndarray, controls_at: np.ndarray) -> np.ndarray:
    """Weights that carry values at the controls to other places, (n, n_controls).

    Source: Bookstein, Principal Warps: Thin-Plate Splines, 1989.
    """
    n = len(controls_at)
    scale = np.array([_AZIMUTH_LENGTH, 1.0])

    def basis(places: np.ndarray) -> np.ndarray:
        distance2 = (((places[:, None] - controls_at[None]) * scale) ** 2).sum(axis=-1)
        kernel = distance2 * np.log(distance2 + 1e-12)
        return np.concatenate([kernel, np.ones((len(places), 1)), places * scale], axis=1)

    system = np.zeros((n + 3, n + 3))
    system[:n] = basis(controls_at)
    system[n:, :n] = system[:n, n:].T
    system[:n, :n] += 1e-5 * np.eye(n)  # neighbours of an eyelid are close: keep it well-posed
    return basis(at) @ np.linalg.inv(system)[:, :n]


def _ears(azimuth: np.ndarray, height: np.ndarray) -> np.ndarray:
    """How far the ears stand out of the skull, (n_rows, n_columns, 3)."""
    degrees = np.degrees(np.abs(azimuth))
    across = np.clip(1 - np.abs(degrees - 102) / 11, 0, 1)
    down = np.sqrt(np.clip(1 - ((height - 0.2) / 0.4) ** 2, 0, 1))
    out = 0.17 * np.minimum(across * 1.8, 1) * down * np.interp(height, [-0.2, 0.6], [1.1, 0.6])
    return np.stack([np.sign(azimuth) * out, 0.0 * out, -0.25 * out], axis=-1)


def _grid_places(at: np.ndarray) -> np.ndarray:
    """Azimuth and height as (column, row), (n, 2)."""
    columns = np.interp(at[:, 0], AZIMUTHS, np.arange(len(AZIMUTHS)))
    rows = np.interp(at[:, 1], HEIGHTS, np.arange(len(HEIGHTS)))
    return np.stack([columns, rows], axis=1)


def _imm_places(grid: np.ndarray, ibug_places: np.ndarray) -> np.ndarray:
    """Places of the 58 landmarks on the mean head, (58, 2)."""
    places = np.zeros((58, 2))
    jaw = np.arange(17)
    for axis in range(2):
        places[:13, axis] = np.interp(anatomy.IMM_JAW_ON_IBUG, jaw, ibug_places[:17, axis])
    places[39:47] = ibug_places[list(anatomy.IMM_MOUTH_ON_IBUG)]
    last_column = len(AZIMUTHS) - 1
    for point, outline in anatomy.IMM_LEFT_OUTLINES.items():
        column, row = _place_seen_at(grid, np.array(outline))
        places[point] = column, row
        places[IMM_58.flip_indices[point]] = last_column - column, row
        if outline[0] == 0:
            places[point] = last_column / 2, row
    return places


def _place_seen_at(grid: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Place of the front of the mean head that the mean pose shows at x, y: (column, row)."""
    front = slice(*np.searchsorted(AZIMUTHS, np.radians([-70, 70])))
    rows = slice(*np.searchsorted(HEIGHTS, [-0.5, 1.2]))
    posed = grid[rows, front] @ anatomy.pitch_matrix(anatomy.MEAN_PITCH_DEGREES).T
    zoom = 8
    fine = cv2.resize(posed, None, fx=zoom, fy=zoom)
    row, column = np.unravel_index(
        ((fine[..., :2] - outline) ** 2).sum(axis=-1).argmin(), fine.shape[:2]
    )
    return (np.array([column, row]) + 0.5) / zoom - 0.5 + np.array([front.start, rows.start])
