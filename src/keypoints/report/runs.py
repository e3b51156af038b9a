"""What was trained, read back from the outputs of the other stages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keypoints.config.data import Task
from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.models.network import LandmarkNetwork
from keypoints.models.predict import ModelInfo, load_model
from keypoints.prediction.tta import LandmarkPredictions, predictions_file, read_predictions
from keypoints.report.task_faces import TaskFaces


@dataclass(frozen=True)
class ModelRun:
    """A trained model and all that is known of it.

    Attributes:
        name: As in params.yaml.
        settings: That it was trained with, from its file.
        network: Ready to predict.
        scores: Of metrics/scores.
        history: A row per epoch.
        errors: A row per validation face.
        validation: What it says of the validation faces.
        test: What it says of the test faces; None: it was not asked.
    """

    name: str
    settings: ModelInfo
    network: LandmarkNetwork
    scores: dict[str, Any]
    history: pd.DataFrame
    errors: pd.DataFrame
    validation: LandmarkPredictions
    test: LandmarkPredictions | None

    @property
    def n_weights(self) -> int:
        """Numbers that training moves."""
        return sum(weights.numel() for weights in self.network.parameters())

    @property
    def by_error(self) -> np.ndarray:
        """Positions of the validation faces, the best first."""
        return np.argsort(self.errors["nme"].to_numpy(), kind="stable")


@dataclass(frozen=True)
class TaskRun:
    """A task with the models that were trained for it, in the order of params.yaml."""

    name: str
    task: Task
    album: TaskFaces
    models: list[ModelRun]

    @property
    def best(self) -> ModelRun:
        """The model with the lowest NME on the validation faces."""
        return min(self.models, key=lambda model: model.scores["nme"])

    @property
    def points(self) -> list[int]:
        """Which points of the scheme are predicted."""
        return list(self.models[0].settings.points)


def read_tasks(params: Params) -> list[TaskRun]:
    """Read every task of the settings that has a model."""
    models = [_read_model(name) for name in params.models]
    tasks = []
    for name, task in params.tasks.items():
        own = [model for model in models if model.settings.model.task == name]
        if own:
            tasks.append(TaskRun(name, task, TaskFaces(paths.CROPS / name), own))
    return tasks


def _read_model(name: str) -> ModelRun:
    trained = load_model(paths.model_file(name))
    was_asked = predictions_file(name, "test").is_file()
    return ModelRun(
        name=name,
        settings=trained.settings,
        network=trained.network,
        scores=json.loads((paths.SCORES / f"{name}.json").read_text()),
        history=pd.read_csv(paths.HISTORY / f"{name}.csv"),
        errors=pd.read_csv(paths.FACES / f"{name}.csv", dtype={"face": str, "group": str}),
        validation=read_predictions(name, "validation"),
        test=read_predictions(name, "test") if was_asked else None,
    )


def read_json(path: Path) -> dict[str, Any] | None:
    """A small record of a stage; None where it left none."""
    return json.loads(path.read_text()) if path.is_file() else None
