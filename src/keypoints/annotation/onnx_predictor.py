"""A predictor that onnxruntime runs, from a file of `src/export.py`; torch is not needed."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or else onnxruntime tells its maker of this machine

# isort: split
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    RuntimeException,
)
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotSupported

from keypoints.annotation.predictor import Predictor
from keypoints.core.errors import first_line
from keypoints.models.checkpoint import ModelFileError, ModelInfo, parse_info

_DAMAGE = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotSupported, RuntimeException)
CROPS, LANDMARKS = "crops", "landmarks_unit"  # names in the file
WEIGHTS = "weights_sha256"  # a key of its metadata
_WAY_OUT = "write it with `python src/export.py MODEL`"


def open_onnx(path: Path, *, of: Path | None = None) -> tuple[ModelInfo, Callable[[], Predictor]]:
    """The settings of an exported model, and what gives its predictor.

    Args:
        path: Of the export.
        of: The model file that it must be an export of; None: any.

    Raises:
        ModelFileError: If the file is missing, damaged, not one of this project's, or an export of
            another model file.
    """
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        settings = parse_info(metadata)
    except NoSuchFile as error:
        raise ModelFileError(f"{path}: no such file; {_WAY_OUT}") from error
    except (*_DAMAGE, ModelFileError) as error:
        raise ModelFileError(
            f"{path}: not an export of this project ({first_line(error)}); {_WAY_OUT}"
        ) from error
    if of is not None and metadata.get(WEIGHTS) != digest_of(of):
        raise ModelFileError(f"{path}: an export of other weights than {of}; export them again")

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return session.run([LANDMARKS], {CROPS: crops})[0]

    predictor = Predictor(settings.name, settings.crop_format, settings.points, run)
    return settings, lambda: predictor


def digest_of(path: Path) -> str:
    """What tells one model file from another, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
