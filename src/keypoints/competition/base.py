"""The terms of a competition: which numbers it asks for, how its CSV looks and how it scores."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.crops.store import CropStore

Array = NDArray[np.floating]


class CompetitionError(PipelineError):
    """A competition that is unknown, or that does not fit what it was asked about."""


@dataclass(frozen=True)
class Metric:
    """A score over all numbers of a CSV: a function of the mean of a function of each error.

    Attributes:
        name: As tables and histories name it.
        elementwise: Of each difference, px.
        aggregate: Of their mean; the score, lower is better.
    """

    name: str
    elementwise: Callable[[Array], Array]
    aggregate: Callable[[Array], Array]


MAE_PX = Metric("mae_px", elementwise=np.abs, aggregate=np.asarray)
RMSE_PX = Metric("rmse_px", elementwise=np.square, aggregate=np.sqrt)


@dataclass(frozen=True)
class Competition:
    """What one competition lays down; an instance is all that a new one needs.

    Attributes:
        slug: Its name in kaggle.com/c/SLUG.
        dataset: Whose test faces it asks for.
        metric: How it scores.
        header: First line of the CSV.
        first_id: Of the first row; each following row has the next number.
        value_range: The least and the greatest number that it takes, px; None: any.
        row_indices: From the folder of a crop store and the shape (n_faces, n_points, 2): which
            coordinate each row is, as positions in the flattened landmarks, (n_rows,).
    """

    slug: str
    dataset: str
    metric: Metric
    header: str
    first_id: int
    value_range: tuple[float, float] | None
    row_indices: Callable[[Path, tuple[int, int, int]], NDArray[np.integer]]


@dataclass(frozen=True, eq=False)
class SubmissionSpec:
    """The test faces of a competition and what it asks of them.

    Attributes:
        competition: That asks.
        names: Of the faces, in the order of the test list.
        boxes_photo: x0, y0, x1, y1, (n_faces, 4); NaN where a face has none.
        scheme: Of the landmarks.
        values: Which coordinate each row of the CSV is, (n_rows,).
    """

    competition: Competition
    names: tuple[str, ...]
    boxes_photo: Array
    scheme: Scheme
    values: NDArray[np.integer]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the landmarks of all faces: (n_faces, n_points, 2)."""
        return len(self.names), self.scheme.n_points, 2

    @property
    def faces(self) -> NDArray[np.integer]:
        """The face of each row, (n_rows,)."""
        return self.values // (2 * self.scheme.n_points)

    @property
    def points(self) -> NDArray[np.integer]:
        """The point of each row, (n_rows,)."""
        return self.values // 2 % self.scheme.n_points


def load_submission_spec(competition: Competition, folder: Path) -> SubmissionSpec:
    """Read the test list from the crop store of a task.

    Args:
        competition: That asks.
        folder: Of the store, whose task is to predict all points.

    Raises:
        CompetitionError: If the data set has no test faces.
    """
    with CropStore(folder) as store:
        table = store.faces(store.rows("test"))
        scheme = SCHEMES[store.format.scheme]
    if table.empty:
        raise CompetitionError(f"{folder}: {competition.slug} asks for test faces; there are none")
    shape = (len(table), scheme.n_points, 2)
    return SubmissionSpec(
        competition=competition,
        names=tuple(table["face"]),
        boxes_photo=table[["x0", "y0", "x1", "y1"]].to_numpy(float),
        scheme=scheme,
        values=competition.row_indices(folder, shape),
    )
