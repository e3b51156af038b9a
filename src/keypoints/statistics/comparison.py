"""Comparison of two models by their errors on the same validation faces.

Each side is one training, or several with different seeds. The interval of the difference accounts
for the choice of the validation photos (all faces of a photo, including its mirror twin, are
resampled together) and, if a side has several seeds, for the spread between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.core.types import Array
from keypoints.statistics.bootstrap import (
    N_RESAMPLES,
    Difference,
    bootstrap_means,
    confidence_interval,
)

RMSE = "rmse_px"
_SEED = 2  # differs from that of the resampled photos


@dataclass(frozen=True)
class Comparison:
    """Comparison of a new side with an old one."""

    n_faces: int
    n_groups: int  # photos, or persons, of these faces
    n_seeds: tuple[int, int]  # trainings of the old and of the new side
    errors: pd.DataFrame  # means over faces and seeds: a row per metric with columns old and new
    differences: dict[str, Difference]  # new minus old, per metric
    faces: pd.DataFrame  # means over seeds by `metric`: old, new and difference, the largest first
    metric: str  # decides which side is better

    @property
    def decisive(self) -> Difference:
        return self.differences[self.metric]


def compare_errors(
    old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame], *, metric: str | None = None
) -> Comparison:
    """Compare two sides by their tables of metrics/faces/, one per seed.

    Args:
        old: Tables of the old side.
        new: Tables of the new side.
        metric: Column that decides; None: rmse_px if the faces are of several kinds, else mae_px.

    Raises:
        PipelineError: If the tables contain different faces, or lack the column.
    """
    tables = [table.set_index("face") for table in [*old, *new]]
    metric = metric or (RMSE if "kind" in tables[0] else "mae_px")
    columns = _shared_columns(tables, metric)
    tables = [_align(table, tables[0]) for table in tables]
    groups = tables[0]["group"].astype("category").cat.codes.to_numpy()
    before, after = tables[: len(old)], tables[len(old) :]
    values = {column: (_stack(before, column), _stack(after, column)) for column in columns}
    weights = {column: _weights(tables, column) for column in columns}
    means = {
        column: tuple(_mean_errors(side, weights[column], column).mean() for side in pair)
        for column, pair in values.items()
    }
    return Comparison(
        n_faces=len(groups),
        n_groups=groups.max() + 1,
        n_seeds=(len(old), len(new)),
        errors=pd.DataFrame.from_dict(means, orient="index", columns=["old", "new"]),
        differences={
            column: _difference(*pair, weights[column], groups, column)
            for column, pair in values.items()
        },
        faces=_by_abs_change(tables[0].index, *values[metric]),
        metric=metric,
    )


def _shared_columns(tables: list[pd.DataFrame], metric: str) -> list[str]:
    compared = [c for c in tables[0] if c in ("mae_px", RMSE, "nme") or c.startswith("nme_")]
    shared = [column for column in compared if all(column in table for table in tables)]
    if metric not in shared:
        raise PipelineError(f"the sides have no {metric} in common, only {', '.join(shared)}")
    return shared


def _align(table: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Sort rows as in another table, and check that both contain the same faces."""
    if set(table.index) != set(reference.index):
        shared = len(table.index.intersection(reference.index))
        raise PipelineError(
            f"the validation faces differ: {len(reference)} and {len(table)}, {shared} in common; "
            "compare sides with the same data and the same `val_fraction`"
        )
    table = table.loc[reference.index]
    differs = ~np.isclose(table["norm_px"], reference["norm_px"], rtol=1e-4)
    if differs.any():
        raise PipelineError(
            f"the annotations of face {reference.index[differs.argmax()]} differ; compare sides "
            "with the same `source` and the same `rendered` settings"
        )
    return table


def _stack(tables: list[pd.DataFrame], column: str) -> Array:
    return np.stack([table[column].to_numpy(float) for table in tables])  # (n_seeds, n_faces)


def _weights(tables: list[pd.DataFrame], column: str) -> NDArray[np.integer]:
    """Weight of each face in a mean: 0 if its error is unknown, (n_faces,).

    Of a root mean square error, faces count by the number of their known coordinates.
    """
    is_known = np.all([table[column].notna() for table in tables], axis=0)
    if column == RMSE and "n_coordinates" in tables[0]:
        return np.where(is_known, tables[0]["n_coordinates"], 0)
    return is_known.astype(int)


def _mean_errors(values: Array, weights: NDArray[np.integer], column: str) -> Array:
    """Error of each training over all faces, (n_seeds,), from (n_seeds, n_faces)."""
    if column == RMSE:
        return np.sqrt(np.nansum(values**2 * weights, axis=1) / weights.sum())
    return np.nansum(values * weights, axis=1) / weights.sum()


def _difference(
    old: Array, new: Array, weights: NDArray[np.integer], groups: NDArray[np.integer], column: str
) -> Difference:
    counts = np.bincount(groups, weights).astype(int)
    is_known = counts > 0

    def resample(values: Array) -> Array:
        sums = np.bincount(groups, np.nan_to_num(values) * weights).astype(float)
        return bootstrap_means(sums[is_known], counts[is_known])

    if column == RMSE:
        before, after = (np.mean([np.sqrt(resample(v**2)) for v in s], axis=0) for s in (old, new))
        resampled = after - before
    else:
        resampled = resample(new.mean(axis=0) - old.mean(axis=0))
    means = [_mean_errors(side, weights, column) for side in (old, new)]
    resampled += _seed_noise(*means)
    difference = float(means[1].mean() - means[0].mean())
    return Difference(difference, confidence_interval(resampled, int(is_known.sum())))


def _seed_noise(old: Array, new: Array) -> Array:
    """Samples of the error of the difference due to the number of seeds, (N_RESAMPLES,).

    `old` and `new` are the errors of each training over all faces, (n_seeds,). Both sides are
    assumed to have the same variance between seeds. If each side has one seed, the variance is
    unknown and counts as zero.

    Source: Student, The probable error of a mean, 1908, for two samples with one variance.
    """
    sides = old, new
    degrees_of_freedom = sum(len(seeds) - 1 for seeds in sides)
    if not degrees_of_freedom:
        return np.zeros(N_RESAMPLES)
    variance = sum(((seeds - seeds.mean()) ** 2).sum() for seeds in sides) / degrees_of_freedom
    error = np.sqrt(variance * sum(1 / len(seeds) for seeds in sides))
    return error * np.random.default_rng(_SEED).standard_t(degrees_of_freedom, N_RESAMPLES)


def _by_abs_change(names: pd.Index, old: Array, new: Array) -> pd.DataFrame:
    rows = pd.DataFrame({"old": old.mean(axis=0), "new": new.mean(axis=0)}, index=names)
    rows["difference"] = rows["new"] - rows["old"]
    return rows.sort_values("difference", key=lambda d: -d.abs(), kind="stable")
