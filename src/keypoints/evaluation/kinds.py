"""Scores of each kind of faces, and of the mixture of kinds that a competition requests.

Kaggle's facial-keypoints-detection has two kinds of faces, whose errors differ. Its list of
requested coordinates determines how much each kind counts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keypoints.core.landmarks import Scheme
from keypoints.core.lookup_table import LOOKUP_TABLE, kind_weights
from keypoints.core.types import Array
from keypoints.statistics.bootstrap import bootstrap_means, confidence_interval


def read_kind_weights(folder: Path, scheme: Scheme) -> dict[str, float]:
    """Weights of the kinds by the lookup table in a crop store; empty if there is one kind only.

    Raises:
        TableError: If the table is missing or damaged.
    """
    return kind_weights(folder / LOOKUP_TABLE) if scheme.kinds else {}


def kinds_of(landmarks_photo: Array, scheme: Scheme) -> list[str]:
    """Kind of each face, by its known landmarks, (n_faces, n_points, 2)."""
    known = np.asarray(np.isfinite(landmarks_photo).all(axis=-1))
    has_points = np.stack([known[:, kind.points].any(axis=1) for kind in scheme.kinds.values()])
    names = list(scheme.kinds)
    return [names[number] for number in has_points.argmax(axis=0)]


def score_kinds(rows: pd.DataFrame, weights: Mapping[str, float]) -> dict[str, Any]:
    """Root mean square error of each kind and of their mixture, with 95 % intervals.

    Faces of one group are resampled together. A face without known coordinates does not count, nor
    a kind without faces.

    Args:
        rows: Errors from `per_face_errors`.
        weights: Fraction of the requested coordinates that belong to each kind.

    Returns:
        `rmse_px` and `rmse_interval` of the mixture; `kind`, with `rmse_px`, `interval`, `weight`
        and the number of `faces` per kind. Errors are in photo pixels.
    """
    rows = rows[rows["n_coordinates"] > 0]
    present = {name: weight for name, weight in weights.items() if (rows["kind"] == name).any()}
    mean, resampled, n_groups, kinds = 0.0, np.zeros(1), len(rows), {}
    for name, weight in present.items():
        own = rows[rows["kind"] == name]
        groups = own["group"].astype("category").cat.codes
        counts = np.bincount(groups, own["n_coordinates"]).astype(int)
        sums = np.bincount(groups, own["rmse_px"] ** 2 * own["n_coordinates"]).astype(float)
        own_mean, own_resampled = float(sums.sum() / counts.sum()), bootstrap_means(sums, counts)
        kinds[name] = {
            "rmse_px": own_mean**0.5,
            "interval": confidence_interval(np.sqrt(own_resampled), len(counts)),
            "faces": len(own),
            "weight": weight,
        }
        share = weight / sum(present.values())
        mean, resampled = mean + share * own_mean, resampled + share * own_resampled
        n_groups = min(n_groups, len(counts))
    return {
        "rmse_px": mean**0.5,
        "rmse_interval": confidence_interval(np.sqrt(resampled), n_groups),
        "kind": kinds,
    }
