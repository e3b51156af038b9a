"""Where an annotator would put the landmarks of a drawn head."""

import numpy as np

from keypoints.landmarks import Scheme
from keypoints.sources.rendered.head import mean_head, sample_grid

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
    jaw = list(scheme.parts["jaw"])
    landmarks[jaw] = _on_outline(projected, places[jaw], roll)
    return landmarks


def _on_outline(projected: np.ndarray, places: np.ndarray, roll: float) -> np.ndarray:
    """Jaw points moved along the surface to the outline where the cheek hides them.

    Each point may slide along its row of the grid towards the nose; where the slide leads further
    out of the face, the cheek hides the point and the outline is there.

    Source: Zhu et al., High-Fidelity Pose and Expression Normalization, 2015 (landmark marching).
    """
    middle = (projected.shape[1] - 1) / 2
    slide = np.linspace(0, _REACH, _STEPS)[None, :]
    paths = np.repeat(places[:, None], _STEPS, axis=1)  # (n_jaw, n_steps, 2)
    paths[..., 0] += (middle - paths[..., 0]) * slide
    seen = sample_grid(projected, paths)[..., :2]
    outward = np.sign(places[:, 0] - middle)  # 0 for the chin, which stays
    angle = np.radians(roll)
    axis = np.array([np.cos(angle), np.sin(angle)])
    furthest = (seen @ axis * outward[:, None]).argmax(axis=1)
    return seen[np.arange(len(places)), furthest]
