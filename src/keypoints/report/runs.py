"""Trained models and their tasks, read from the outputs of the other stages."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.cli import error_message
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.predictions import LandmarkPredictions, has_predictions, read_predictions
from keypoints.core.records import read_record
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
        except ValueError as error:  # such as the errors of pandas
            problems[name] = f"a damaged table ({first_line(error)}); run `dvc repro`"
    if not models:
        raise PipelineError("\n".join(f"{name}: {text}" for name, text in problems.items()))
    tasks = [
        TaskRun(name, params.entry("tasks", name, Task), TaskFaces(paths.CROPS / name), own)
        for name in params.names("tasks")
        if (own := [model for model in models if model.info.model.task == name])
    ]
    return tasks, problems


def _read_model(name: str) -> ModelRun:
    trained = load_model(paths.model_file(name))
    return ModelRun(
        name=name,
        info=trained.info,
        network=trained.network,
        scores=read_scores(name),
        history=pd.read_csv(paths.history_file(name)),
        errors=pd.read_csv(paths.FACES / f"{name}.csv", **NAMES_AS_TEXT),
        validation=read_predictions(name, "validation"),
        test=read_predictions(name, "test") if has_predictions(name, "test") else None,
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a stage's record; empty if the file does not exist."""
    return read_record(path) if path.is_file() else {}
