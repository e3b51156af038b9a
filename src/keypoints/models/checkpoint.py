"""The metadata of model files: the settings that a network was trained with.

Reading them imports neither torch nor safetensors, which the light install leaves out.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError, field_validator

from keypoints.config.messages import SettingsError
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.landmarks import SCHEMES
from keypoints.crops.format import CropFormat, Task
from keypoints.models.build import find_architecture
from keypoints.models.settings import ModelSettings

SETTINGS = "settings"  # metadata key of the settings
LOAD_ERRORS = (  # of torch and json, for files that are damaged or contain something else
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    ValueError,
)
_MAX_HEADER_BYTES = 2**26  # safetensors refuses more than 100 MB


class ModelFileError(PipelineError):
    """A model file that is missing, damaged, or contains another model."""


def model_file_error(path: Path, error: Exception) -> ModelFileError:
    """Return the error for a file that is missing, damaged or not a model of this project."""
    if isinstance(error, FileNotFoundError):
        return ModelFileError(
            f"{path}: no such file; train the model: `dvc repro train@{path.stem}`, in contenders/ "
            "if the model is one of them"
        )
    return ModelFileError(
        f"{path}: not a model of this project ({first_line(error)}); train the model again"
    )


class ModelInfo(BaseModel):
    """The settings that a network was trained with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    seed: int
    lr: float  # at full input size, without schedule
    scheme: str
    model: SerializeAsAny[ModelSettings]  # an instance of its architecture's `SETTINGS`
    task: Task
    augment: dict[str, Any] = {}  # preset, as a record
    optim: dict[str, Any] = {}  # preset, as a record

    @field_validator("scheme")
    @classmethod
    def _check_scheme(cls, scheme: str) -> str:
        if scheme not in SCHEMES:
            raise ValueError(f"must be one of {', '.join(SCHEMES)}; got {scheme!r}")
        return scheme

    @field_validator("model", mode="before")
    @classmethod
    def _parse_model(cls, model: Any) -> Any:
        if not isinstance(model, dict):
            return model
        architecture = find_architecture(str(model.get("architecture")))
        return architecture.SETTINGS.model_validate(model)

    @property
    def points(self) -> tuple[int, ...]:
        """Indices of the scheme's points that the network predicts."""
        return self.task.points_of(SCHEMES[self.scheme])

    @property
    def crop_format(self) -> CropFormat:
        """Format of the network's input: the crops without a margin."""
        return CropFormat.of(self.task, SCHEMES[self.scheme], margin=0)


def parse_info(metadata: Mapping[str, str]) -> ModelInfo:
    """Parse the metadata of a model file or of an export.

    Raises:
        ModelFileError: If its settings are missing or not those of this version.
    """
    if SETTINGS not in metadata:
        raise ModelFileError("it has no settings")
    try:
        return ModelInfo.model_validate_json(metadata[SETTINGS])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ModelFileError(f"its settings: {key}: {first['msg']}") from error
    except SettingsError as error:
        raise ModelFileError(f"its settings: model.architecture {error}") from error


def read_info(path: Path) -> ModelInfo:
    """Read the metadata of a model file, without its weights.

    Raises:
        ModelFileError: If the file is missing, damaged, or not a model of this project.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _MAX_HEADER_BYTES)))
        return parse_info(header.get("__metadata__", {}))
    except (*LOAD_ERRORS, PipelineError) as error:
        raise model_file_error(path, error) from error
