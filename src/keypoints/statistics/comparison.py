"""Is one side better than another, or is it luck? The errors of the same validation faces, paired.

A side is one training, or several with other seeds. What is told is its error minus the other's:
with an interval that counts how both would move if other photos had been held out (all faces of a
photo, mirror twins too, come and go together) and, where a side has several seeds, how far seeds
lie apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.statistics.bootstrap import (
    N_RESAMPLES,
    Difference,
    bootstrap_means,
    confidence_interval,
)

Array = NDArray[np.floating]

COLUMNS = ("mae_px", "nme")  # and the nme_PART of each part that was predicted
_SEED = 2  # of the draws of seeds; those of photos have their own


class ComparisonError(PipelineError):
    """Two sides that cannot be compared; the message says why."""


@dataclass(frozen=True)
class Comparison:
    """A new side against an old one.

    Attributes:
        n_faces: That both were scored on.
        n_groups: Photos, or persons, that these faces come from.
        n_seeds: Trainings of the old side and of the new one.
        errors: A row per column of errors, named by it: old and new, their means over faces and
            seeds.
        differences: New minus old, for the same columns.
        faces: A row per face, named by it: old, new and difference of `metric`, means over
            seeds; the face that moved most comes first.
        metric: The column that decides which side is better.
    """

    n_faces: int
    n_groups: int
    n_seeds: tuple[int, int]
    errors: pd.DataFrame
    differences: dict[str, Difference]
    faces: pd.DataFrame
    metric: str

    @property
    def decisive(self) -> Difference:
        """The difference that decides."""
        return self.differences[self.metric]


def compare_errors(
    old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame], *, judged_by: str = "mae_px"
) -> Comparison:
    """Compare two sides on the faces that both were scored on.

    Args:
        old: The tables of metrics/faces/ of one side, one per seed.
        new: Those of the other one.
        metric: The column that decides which side is better.

    Raises:
        ComparisonError: If the tables are not of the same faces, or lack the column.
    """
    tables = [table.set_index("face") for table in [*old, *new]]
    columns = _shared_columns(tables, judged_by)
    tables = [_aligned(table, tables[0]) for table in tables]
    groups = tables[0]["group"].astype("category").cat.codes.to_numpy()
    before, after = tables[: len(old)], tables[len(old) :]
    values = {column: (_stack(before, column), _stack(after, column)) for column in columns}
    means = {column: (one.mean(), other.mean()) for column, (one, other) in values.items()}
    return Comparison(
        n_faces=len(groups),
        n_groups=groups.max() + 1,
        n_seeds=(len(old), len(new)),
        errors=pd.DataFrame.from_dict(means, orient="index", columns=["old", "new"]),
        differences={
            column: _difference(one, other, groups) for column, (one, other) in values.items()
        },
        faces=_by_abs_change(tables[0].index, *values[judged_by]),
        metric=judged_by,
    )


def _shared_columns(tables: list[pd.DataFrame], judged_by: str) -> list[str]:
    shared = [
        column
        for column in tables[0]
        if (column in COLUMNS or column.startswith("nme_"))
        and all(column in table for table in tables)
    ]
    if judged_by not in shared:
        raise ComparisonError(f"no {judged_by} on both sides; there are {', '.join(shared)}")
    return shared


def _aligned(table: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """The same rows in the order of another table."""
    if set(table.index) != set(like.index):
        shared = len(table.index.intersection(like.index))
        raise ComparisonError(
            f"not the same validation faces: {len(like)} and {len(table)}, {shared} in common; "
            "compare sides with the same data and the same `validation`"
        )
    table = table.loc[like.index]
    moved = ~np.isclose(table["inter_ocular_px"], like["inter_ocular_px"], rtol=1e-4)
    if moved.any():
        raise ComparisonError(
            f"face {like.index[moved.argmax()]} has other annotations on the two sides; compare "
            "sides with the same `source` and the same `rendered`"
        )
    return table


def _stack(tables: list[pd.DataFrame], column: str) -> Array:
    return np.stack([table[column].to_numpy(float) for table in tables])  # (n_seeds, n_faces)


def _difference(old: Array, new: Array, groups: NDArray[np.integer]) -> Difference:
    """New minus old; errors are (n_seeds, n_faces)."""
    of_face = new.mean(axis=0) - old.mean(axis=0)
    counts = np.bincount(groups)
    drawn = bootstrap_means(np.bincount(groups, of_face).astype(float), counts) + _seed_noise(
        old, new
    )
    return Difference(float(of_face.mean()), confidence_interval(drawn, len(counts)))


def _seed_noise(old: Array, new: Array) -> Array:
    """How far the difference of two sides' means might lie off for having so few seeds, (DRAWS,).

    The seeds of both sides are taken to spread alike. Where neither has two, nothing is known of
    their spread, and it counts as none.

    Source: Student, The probable error of a mean, 1908, for two samples with one variance.
    """
    means = old.mean(axis=1), new.mean(axis=1)  # (n_seeds,) each
    freedom = sum(len(seeds) - 1 for seeds in means)
    if not freedom:
        return np.zeros(N_RESAMPLES)
    variance = sum(((seeds - seeds.mean()) ** 2).sum() for seeds in means) / freedom
    error = np.sqrt(variance * sum(1 / len(seeds) for seeds in means))
    return error * np.random.default_rng(_SEED).standard_t(freedom, N_RESAMPLES)


def _by_abs_change(names: pd.Index, old: Array, new: Array) -> pd.DataFrame:
    rows = pd.DataFrame({"old": old.mean(axis=0), "new": new.mean(axis=0)}, index=names)
    rows["difference"] = rows["new"] - rows["old"]
    return rows.sort_values("difference", key=lambda d: -d.abs(), kind="stable")
