"""Where an annotator would put the landmarks of a drawn head."""

from functools import lru_cache

import numpy as np

from keypoints.core.landmarks import IBUG_68, SCHEMES, Scheme
from keypoints.rendered.anatomy import MEAN_PITCH_DEGREES, pitch_matrix
from keypoints.rendered.head import mean_head, sample_grid

# How far towards the nose a jaw point may slide to reach the visible outline, as a fraction of
# its way, and in how many steps.
_REACH, _STEPS = 0.62, 32


def landmarks_in_photo(scheme: Scheme, projected: np.ndarray, roll: float) -> np.ndarray:
    """Landmarks of a markup, hidden ones included.

    Args:
        scheme: `IMM_58` or `IBUG_68`.
        projected: Pixels and depth of the grid, (n_rows, n_columns, 3).
        roll: Of the head, in degrees.

    Returns:
        Photo pixels, (n_points, 2).
    """
    head = mean_head()
    places = head.ibug_places if scheme.n_points == 68 else head.imm_places
    landmarks = sample_grid(projected, places)[:, :2]
    jaw = scheme.parts["jaw"]
    landmarks[list(jaw)] = _on_outline(projected, _slides(scheme.name), roll)
    return landmarks


@lru_cache(maxsize=2)
def _slides(scheme_name: str) -> np.ndarray:
    """Where each jaw point may slide: level lines towards the nose, (n_jaw, n_steps, 2)."""
    head = mean_head()
    jaw = list(SCHEMES[scheme_name].parts["jaw"])
    places = (head.ibug_places if scheme_name == IBUG_68.name else head.imm_places)[jaw]
    posed_y = (head.grid @ pitch_matrix(MEAN_PITCH_DEGREES).T)[..., 1]
    middle = (posed_y.shape[1] - 1) / 2
    paths = np.repeat(places[:, None], _STEPS, axis=1)
    paths[..., 0] += (middle - paths[..., 0]) * np.linspace(0, _REACH, _STEPS)
    rows = np.arange(len(posed_y))
    for path in paths:
        level = sample_grid(posed_y[..., None], path[0])[0]
        for step in range(1, _STEPS):
            column = posed_y[:, round(path[step, 0])]
            path[step, 1] = np.interp(level, np.maximum.accumulate(column), rows)
    return paths


def _on_outline(projected: np.ndarray, paths: np.ndarray, roll: float) -> np.ndarray:
    """Jaw points moved along the surface to the outline where the cheek hides them, (n_jaw, 2).

    Each point may slide towards the nose at its height; where the slide leads further out of the
    face, the cheek hides the point and the outline is there.

    Source: Zhu et al., High-Fidelity Pose and Expression Normalization, 2015 (landmark marching).
    """
    middle = (projected.shape[1] - 1) / 2
    seen = sample_grid(projected, paths)[..., :2]
    outward = np.sign(paths[:, 0, 0] - middle)  # 0 for the chin, which stays
    angle = np.radians(roll)
    axis = np.array([np.cos(angle), np.sin(angle)])
    furthest = (seen @ axis * outward[:, None]).argmax(axis=1)
    return seen[np.arange(len(paths)), furthest]
