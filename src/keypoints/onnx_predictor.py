"""A predictor that onnxruntime runs, from a file of `src/export.py`; torch is not needed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidProtobuf, NoSuchFile
from pydantic import ValidationError

from keypoints.errors import first_line
from keypoints.predictor import Predictor
from keypoints.trained_settings import ModelFileError, TrainedSettings

CROPS, LANDMARKS, SETTINGS = "crops", "landmarks_unit", "settings"  # names in the file


def open_onnx(path: Path) -> tuple[TrainedSettings, Callable[[], Predictor]]:
    """The settings of an exported model, and what gives its predictor.

    Raises:
        ModelFileError: If the file is missing, damaged, or not one of this project's.
    """
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        settings = TrainedSettings.model_validate_json(metadata.get(SETTINGS, "{}"))
    except (Fail, InvalidProtobuf, NoSuchFile, ValidationError) as error:
        raise ModelFileError(
            f"{path}: not an export of this project ({first_line(error)}); "
            "write it with `python src/export.py MODEL`"
        ) from error

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return session.run([LANDMARKS], {CROPS: crops})[0]

    predictor = Predictor(settings.name, settings.crop_format, settings.points, run)
    return settings, lambda: predictor
