"""Trained models and their tasks, read from the outputs of the other stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.cli import error_message
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import LandmarkPredictions, has_predictions, read_predictions
from keypoints.core.records import damaged_output, read_record
from keypoints.core.tables import NAMES_AS_TEXT
from keypoints.crops.augment import Augment
from keypoints.crops.format import Task
from keypoints.evaluation.baseline import baseline_sentence
from keypoints.evaluation.scores import deciding_errors, read_scores, scored_names
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.network import LandmarkNetwork
from keypoints.models.predict import load_model
from keypoints.report.analysis import drop_flipped_copies
from keypoints.report.task_faces import TaskFaces

_HISTORY = "train_mse", "val_mse", "seconds"  # columns of numbers
_ERRORS = "view", "norm_px", "mae_px", "rmse_px", "nme"


@dataclass(frozen=True)
class ModelRun:
    """A trained model with its outputs."""

    name: str
    info: ModelInfo
    network: LandmarkNetwork  # in evaluation mode
    scores: dict[str, Any]  # of metrics/scores/NAME.json and metrics/details/NAME.json
    history: pd.DataFrame  # one row per epoch
    errors: pd.DataFrame  # one row per validation face
    validation: LandmarkPredictions
    test: LandmarkPredictions | None  # None: the data set has no test faces

    @property
    def augment(self) -> Augment:
        return Augment(**self.info.augment)

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def comparison(self) -> str:
        """The error relative to that of the mean shape of the training faces, in words."""
        return baseline_sentence(*deciding_errors(self.scores))

    @property
    def baseline_ratio(self) -> float:
        """The error as a fraction of that of the mean shape of the training faces."""
        error, baseline = deciding_errors(self.scores)
        return error / baseline

    @property
    def by_error(self) -> np.ndarray:
        """Positions of the validation faces without flipped copies, from the smallest NME."""
        nme = self.errors["nme"].to_numpy()
        order = np.argsort(nme, kind="stable")
        order = order[np.isfinite(nme[order])]
        return drop_flipped_copies(order, list(self.errors["face"]))


@dataclass(frozen=True)
class TaskRun:
    """A task with the models that were trained for it, in the order of params.yaml."""

    name: str
    settings: Task
    faces: TaskFaces
    models: list[ModelRun]

    @property
    def best(self) -> ModelRun:
        """Model with the lowest NME on the validation faces."""
        return min(self.models, key=lambda model: model.scores["nme"])

    @property
    def points(self) -> list[int]:
        """Indices of the predicted points in the landmark scheme."""
        return list(self.models[0].info.points)

    @property
    def n_landmarks(self) -> int:
        """Number of predicted points that a face has, by the convention with the most points."""
        conventions = self.faces.scheme.convention_points
        return max(len(set(points) & set(self.points)) for points in conventions)


def read_tasks(params: Params) -> tuple[list[TaskRun], dict[str, str]]:
    """Read every task of the settings that has an evaluated model.

    Returns:
        The tasks, and the problems of the models that cannot be read, by their names.

    Raises:
        PipelineError: If no model can be read.
    """
    models, problems = [], {}
    for name in scored_names(params.names("models")):
        try:
            models.append(_read_model(name))
        except (OSError, PipelineError) as error:
            problems[name] = error_message(error)
    tasks = []
    for name in params.names("tasks"):
        if own := [model for model in models if model.info.model.task == name]:
            task: Task = params.entry("tasks", name, Task)
            try:
                tasks.append(TaskRun(name, task, TaskFaces(paths.CROPS / name), own))
            except (OSError, PipelineError) as error:
                problems |= dict.fromkeys((model.name for model in own), error_message(error))
    if not tasks:
        raise PipelineError("\n".join(f"{name}: {text}" for name, text in problems.items()))
    return tasks, problems


def _read_model(name: str) -> ModelRun:
    trained, validation = load_model(paths.model_file(name)), read_predictions(name, "validation")
    errors = _read_table(path := paths.FACES / f"{name}.csv", _ERRORS)
    if (n_faces := len(validation.landmarks_photo)) != len(errors):
        raise damaged_output(path, ValueError(f"{len(errors):,} of {n_faces:,} faces"))
    return ModelRun(
        name=name,
        info=trained.info,
        network=trained.network,
        scores=read_scores(name),
        history=_read_table(paths.history_file(name), _HISTORY),
        errors=errors,
        validation=validation,
        test=read_predictions(name, "test") if has_predictions(name, "test") else None,
    )


def _read_table(path: Path, numbers: Sequence[str]) -> pd.DataFrame:
    """Read a table of another stage with columns of numbers; PipelineError if it is damaged."""
    try:
        text = path.read_text(encoding="utf-8")
        table = pd.read_csv(StringIO(text), **NAMES_AS_TEXT)
        wrong = [name for name in numbers if name not in table or not is_numeric_dtype(table[name])]
        if wrong:
            raise ValueError(f"no numbers in column {wrong[0]}")
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError("its rows have more columns than the first line")
        if not text.endswith("\n"):
            raise ValueError("its last line is incomplete")
    except ValueError as error:  # such as the errors of pandas
        raise damaged_output(path, error) from error
    return table


def read_json(path: Path) -> dict[str, Any]:
    """Read a stage's record; empty if the file does not exist."""
    return read_record(path) if path.is_file() else {}
