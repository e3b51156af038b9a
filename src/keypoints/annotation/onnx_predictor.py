"""Predictors that run in onnxruntime, from files of `src/export.py`; torch is not needed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.onnx_session import OPEN_ERRORS, open_session
from keypoints.annotation.predictor import Predictor
from keypoints.core.errors import first_line
from keypoints.core.hashing import sha256_of
from keypoints.models.checkpoint import ModelFileError, ModelInfo, parse_info

CROPS, LANDMARKS = "crops", "landmarks_unit"  # names of the input and the output
WEIGHTS = "weights_sha256"  # metadata key of the model file's digest
_REMEDY = "write it with `python src/export.py MODEL`"


def open_onnx(
    path: Path, *, model: Path | None = None
) -> tuple[ModelInfo, Callable[[], Predictor]]:
    """Open an exported model, with its metadata and a function that returns its predictor.

    Args:
        path: The export.
        model: The model file that it must be an export of; None: any.

    Raises:
        ModelFileError: If the file is missing, damaged, not an export of this project, or an export
            of another model file.
    """
    try:
        session = open_session(path)
        metadata = session.get_modelmeta().custom_metadata_map
        info = parse_info(metadata)
    except (*OPEN_ERRORS, ModelFileError) as error:
        if not path.is_file():
            raise ModelFileError(f"{path}: no such file; {_REMEDY}") from error
        raise ModelFileError(
            f"{path}: not an export of this project ({first_line(error)}); {_REMEDY}"
        ) from error
    if model is not None and metadata.get(WEIGHTS) != sha256_of(model):
        raise ModelFileError(f"{path}: not an export of the weights in {model}; export them again")

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return session.run([LANDMARKS], {CROPS: crops})[0]

    return info, lambda: Predictor(info, run)
