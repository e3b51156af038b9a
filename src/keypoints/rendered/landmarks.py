"""Landmarks of a posed head, where an annotator would put them."""

from functools import lru_cache

import numpy as np

from keypoints.core.landmarks import IBUG_68, SCHEMES, Scheme
from keypoints.rendered.anatomy import MEAN_PITCH_DEGREES, pitch_matrix
from keypoints.rendered.head import mean_head, sample_grid
from keypoints.rendered.posing import PosedHead
from keypoints.rendered.scene import Scene

# A jaw landmark can slide by this fraction of its distance to the nose, in this number of steps.
_MAX_SLIDE, _N_STEPS = 0.62, 32


def find_landmarks(scheme: Scheme, scene: Scene, head: PosedHead) -> np.ndarray:
    """Landmarks of a posed head, including hidden ones.

    Args:
        scheme: `IMM_58` or `IBUG_68`.
        scene: Scene of the head, for its roll.
        head: Result of `pose_head(scene)`.

    Returns:
        (n_points, 2), in the unit of `head.grid_photo`.
    """
    mean = mean_head()
    uv = mean.ibug_uv if scheme.n_points == 68 else mean.imm_uv
    landmarks = sample_grid(head.grid_photo, uv)[:, :2]
    jaw = scheme.parts["jaw"]
    landmarks[list(jaw)] = _jaw_on_outline(
        head.grid_photo, _slide_paths(scheme.name), scene.pose.roll
    )
    return landmarks


@lru_cache(maxsize=2)
def _slide_paths(scheme_name: str) -> np.ndarray:
    """UV coordinates to which each jaw landmark can slide, (n_jaw, n_steps, 2).

    A path runs towards the nose at constant height.
    """
    head = mean_head()
    jaw = list(SCHEMES[scheme_name].parts["jaw"])
    uv = (head.ibug_uv if scheme_name == IBUG_68.name else head.imm_uv)[jaw]
    posed_y = (head.grid @ pitch_matrix(MEAN_PITCH_DEGREES).T)[..., 1]
    middle = (posed_y.shape[1] - 1) / 2
    paths = np.repeat(uv[:, None], _N_STEPS, axis=1)
    paths[..., 0] += (middle - paths[..., 0]) * np.linspace(0, _MAX_SLIDE, _N_STEPS)
    rows = np.arange(len(posed_y))
    for path in paths:
        level = sample_grid(posed_y[..., None], path[0])[0]
        for step in range(1, _N_STEPS):
            column = posed_y[:, round(path[step, 0])]
            path[step, 1] = np.interp(level, np.maximum.accumulate(column), rows)
    return paths


def _jaw_on_outline(grid_photo: np.ndarray, paths: np.ndarray, roll: float) -> np.ndarray:
    """Move each jaw landmark to the outermost point of its path, (n_jaw, 2).

    If a point of the path lies farther outside than its start, the cheek hides the landmark, and
    the visible outline of the face is at that point.

    Source: Zhu et al., High-Fidelity Pose and Expression Normalization, 2015 (landmark marching).
    """
    middle = (grid_photo.shape[1] - 1) / 2
    positions = sample_grid(grid_photo, paths)[..., :2]
    outward = np.sign(paths[:, 0, 0] - middle)  # 0 for the chin, which does not move
    angle = np.radians(roll)
    axis = np.array([np.cos(angle), np.sin(angle)])
    outermost = (positions @ axis * outward[:, None]).argmax(axis=1)
    return positions[np.arange(len(paths)), outermost]
