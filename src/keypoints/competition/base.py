"""Competitions: which coordinates a submission contains, its CSV format and its metric."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
from numpy.typing import NDArray

from keypoints.competition import definitions
from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.errors import PipelineError, shorten_list
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.core.predictions import has_predictions, read_info
from keypoints.core.types import Array
from keypoints.crops.format import Task
from keypoints.crops.store import MISSING_TEST_FACES, CropStore


@dataclass(frozen=True)
class Metric:
    """A score over all values of a CSV, for which lower is better.

    It is `aggregate(mean(elementwise(predicted - target)))`, with differences in px.
    """

    name: str  # in tables, files and messages
    elementwise: Callable[[Array], Array]
    aggregate: Callable[[Array], Array]


MAE_PX = Metric("mae_px", elementwise=np.abs, aggregate=np.asarray)
RMSE_PX = Metric("rmse_px", elementwise=np.square, aggregate=np.sqrt)


@dataclass(frozen=True)
class Competition:
    """A Kaggle competition; each module of `keypoints.competition.definitions` defines one.

    `row_indices` is a function of the folder of a crop store and the shape of the landmarks of its
    test faces, (n_faces, n_points, 2). It returns the position of each row's value in the flattened
    landmarks, (n_rows,).
    """

    slug: str  # name in the address kaggle.com/c/SLUG
    dataset: str  # whose test faces a submission is about
    metric: Metric  # of the leaderboard
    header: str  # first line of the CSV
    first_id: int  # of the first row; ids count up from there
    value_range: tuple[float, float] | None  # that the competition accepts, px; None: no limit
    row_indices: Callable[[Path, tuple[int, int, int]], NDArray[np.integer]]


@dataclass(frozen=True, eq=False)
class SubmissionSpec:
    """The contents of a submission: the test faces, and the coordinate of each row."""

    competition: Competition
    names: tuple[str, ...]  # of the test faces, in the order of the data set's list
    boxes_photo: Array  # x0, y0, x1, y1 of each face's box, (n_faces, 4); NaN if it has none
    scheme: Scheme
    row_indices: NDArray[np.integer]  # each row's position in the flattened landmarks, (n_rows,)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the landmarks of all test faces: (n_faces, n_points, 2)."""
        return len(self.names), self.scheme.n_points, 2

    @property
    def row_faces(self) -> NDArray[np.integer]:
        """Number of each row's face, (n_rows,)."""
        return self.row_indices // (2 * self.scheme.n_points)

    @property
    def row_points(self) -> NDArray[np.integer]:
        """Number of each row's point, (n_rows,)."""
        return self.row_indices // 2 % self.scheme.n_points


@cache
def find_competitions() -> dict[str, Competition]:
    """All competitions, by their slugs."""
    modules = [
        import_module(f"{definitions.__name__}.{module.name}")
        for module in iter_modules(definitions.__path__)
    ]
    return {module.COMPETITION.slug: module.COMPETITION for module in modules}


def find_competition(slug: str) -> Competition:
    """Find a competition by its slug; PipelineError if no module defines it."""
    competitions = find_competitions()
    if slug not in competitions:
        raise PipelineError(
            f"competition must be one of {', '.join(competitions)}; got {slug!r}; to add one, "
            "add a module to src/keypoints/competition/definitions"
        )
    return competitions[slug]


def competition_for_dataset(dataset: str, preferred: str) -> Competition:
    """Find the competition about the test faces of a data set.

    If there are several, the one with the slug `preferred` takes precedence.

    Raises:
        PipelineError: If no competition is about the data set, or `preferred` does not exist.
    """
    choice = find_competition(preferred)
    matching = [c for c in find_competitions().values() if c.dataset == dataset]
    if not matching:
        raise PipelineError(f"no competition is about test faces of data set {dataset}")
    return choice if choice in matching else matching[0]


def submission_spec_for(
    name: str, params: Params, slug: str | None = None, *, header: str = ""
) -> SubmissionSpec:
    """Find the competition of a submission file, and load its specification.

    The competition is, in order of precedence: `slug`, the one for the data set of the predictions
    with the file's name (without its suffix), the one whose CSVs have the first line `header`, or
    `competition` in params.yaml.

    Raises:
        PipelineError: If there is no such competition, or no task with its data set.
    """
    info = read_info(name) if has_predictions(name) else None
    preferred = slug or params.read("competition", str)
    if info and not slug:
        competition = competition_for_dataset(info.dataset, preferred)
    elif slug:
        competition = find_competition(slug)
    else:
        competition = _competition_for_header(header, preferred)
    has_own_task = info and info.dataset == competition.dataset
    task = info.task if info and has_own_task else _find_task(competition, params)
    return load_submission_spec(competition, paths.CROPS / task)


def _competition_for_header(header: str, preferred: str) -> Competition:
    """The competition whose CSVs have that first line; `preferred` if it is one, or none is."""
    choice = find_competition(preferred)
    matching = [c for c in find_competitions().values() if c.header == header]
    return choice if choice in matching or not matching else matching[0]


def _find_task(competition: Competition, params: Params) -> str:
    """Name of a task that predicts all points of the competition's data set."""
    for name in params.names("tasks"):
        task: Task = params.entry("tasks", name, Task)
        if (task.dataset, task.points) == (competition.dataset, "all"):
            return name
    raise PipelineError(
        f"no task in params.yaml predicts all points of data set {competition.dataset}, "
        f"as {competition.slug} requires"
    )


def load_submission_spec(competition: Competition, folder: Path) -> SubmissionSpec:
    """Load the list of test faces from the crop store of a task that predicts all points.

    Raises:
        PipelineError: If the store contains no test faces, or some of them were left out.
    """
    if (missing := folder / MISSING_TEST_FACES).is_file():
        names = missing.read_text(encoding="utf-8").splitlines()
        raise PipelineError(
            f"{folder}: {len(names)} test face(s) were left out by `exclude` in params.yaml, but "
            f"{competition.slug} needs all of them: {shorten_list(names)}"
        )
    with CropStore(folder) as store:
        table = store.faces(store.rows("test"))
        scheme = SCHEMES[store.format.scheme]
    if table.empty:
        raise PipelineError(f"{folder}: contains no test faces, which {competition.slug} needs")
    return SubmissionSpec(
        competition=competition,
        names=tuple(table["face"]),
        boxes_photo=table[["x0", "y0", "x1", "y1"]].to_numpy(float),
        scheme=scheme,
        row_indices=competition.row_indices(folder, (len(table), scheme.n_points, 2)),
    )
