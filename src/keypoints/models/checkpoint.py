"""The settings that a network was trained with, as its file carries them; reading them is quick."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from keypoints.config.data import Task
from keypoints.config.models import ModelSettings
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.crops.store import CropFormat

SETTINGS = "settings"  # their key in a file's metadata
_LONGEST_HEADER = 2**26  # bytes; safetensors refuses more than 100 MB


class ModelFileError(PipelineError):
    """A model file that cannot be used; the message says why and what to do."""


def missing_model_error(path: Path) -> ModelFileError:
    """A file that is not there."""
    stage = f"train@{path.stem}"
    return ModelFileError(
        f"{path}: no such file; train the model: dvc repro {stage}, or contenders/dvc.yaml:{stage}"
    )


def invalid_model_error(path: Path, error: Exception) -> ModelFileError:
    """A file that is something else, or damaged."""
    return ModelFileError(f"{path}: not a model of this project ({first_line(error)}); train it")


class ModelInfo(BaseModel):
    """The settings that a network was trained with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    seed: int
    lr: float
    scheme: str
    model: ModelSettings
    task: Task

    @property
    def points(self) -> tuple[int, ...]:
        """Which points of the scheme are predicted."""
        return points_of(self.task, SCHEMES[self.scheme])

    @property
    def crop_format(self) -> CropFormat:
        """The crops that the network takes: its input, without the margin of training."""
        return CropFormat(
            height=self.task.height,
            width=self.task.width,
            margin=0,
            colour=self.task.colour,
            box_scale=self.task.box_scale,
            scheme=self.scheme,
        )


def points_of(task: Task, scheme: Scheme) -> tuple[int, ...]:
    """Which points of the scheme a task predicts."""
    return (scheme.nose_tip,) if task.points == "nose_tip" else tuple(range(scheme.n_points))


def parse_info(metadata: Mapping[str, str]) -> ModelInfo:
    """The settings in the metadata of a file of weights.

    Raises:
        ModelFileError: If there are none, or not as this project writes them.
    """
    if SETTINGS not in metadata:
        raise ModelFileError("it carries no settings")
    try:
        return ModelInfo.model_validate_json(metadata[SETTINGS])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelFileError(f"its settings: {where}: {first['msg']}") from error


def read_info(path: Path) -> ModelInfo:
    """Read the settings of a model file and none of its weights: torch is not needed.

    Raises:
        ModelFileError: If the file is missing, damaged, or not one of this project's.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _LONGEST_HEADER)))
        return parse_info(header.get("__metadata__", {}))
    except FileNotFoundError as error:
        raise missing_model_error(path) from error
    except (AttributeError, OSError, ValueError, TypeError, ModelFileError) as error:
        raise invalid_model_error(path, error) from error
