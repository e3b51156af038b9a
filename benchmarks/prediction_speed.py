"""Faces per second of one thread: the committed network, timm's backbone alone, dlib's cascade."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measurement import Measurement, Size, in_turn
from numpy.typing import NDArray

from keypoints.annotation.default_model import PRETRAINED
from keypoints.annotation.onnx_predictor import open_onnx
from keypoints.annotation.torch_predictor import torch_predictor
from keypoints.models.predict import load_model

BATCH = 32
DLIB_MODEL = Path("shape_predictor_68_face_landmarks.dat")  # whoever has it puts it here


def measure(_folder: Path, _drawn: Path, size: Size) -> Iterator[Measurement]:
    """Predict a batch of crops, which hold noise: what is in them takes no more or less time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    trained = load_model(PRETRAINED)
    format_ = trained.settings.crop_format
    shape = (BATCH, format_.height, format_.width, format_.channels)
    crops = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    backbone = _backbone(trained.settings.model.backbone, crops)
    predictor = torch_predictor(trained, torch.device("cpu"))
    yield _against(backbone, "torch", lambda: predictor.run(crops), size)
    onnx = open_onnx(PRETRAINED.with_suffix(".onnx"))[1]()
    yield _against(backbone, "onnxruntime, all cores", lambda: onnx.run(crops), size)
    if importlib.util.find_spec("dlib") and DLIB_MODEL.is_file():
        yield _against(backbone, "dlib's shape predictor", _dlib(crops), size)
    else:
        print(f"  dlib is left out: it is not installed, or {DLIB_MODEL} is not here")
    torch.set_num_threads(threads)


def _against(
    backbone: Callable[[], object], name: str, work: Callable[[], object], size: Size
) -> Measurement:
    for once in (work, backbone):  # the first time of each is not measured
        once()
    times = in_turn(work, backbone, size.rounds)
    own, other = (BATCH / median(seconds) for seconds in (times.first, times.second))
    numbers = f"{own:.0f} / {other:.0f} faces/s"
    return Measurement(f"{name} / timm's backbone, one thread", times.speed_ratio, "", numbers)


def _backbone(name: str, crops: NDArray[np.uint8]) -> Callable[[], object]:
    import timm

    network = timm.create_model(name, num_classes=136).eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> object:
        return network(torch.from_numpy(crops).permute(0, 3, 1, 2).float().div_(255))

    return run


def _dlib(crops: NDArray[np.uint8]) -> Callable[[], object]:
    import dlib

    predictor: Any = dlib.shape_predictor(str(DLIB_MODEL))
    margin = crops.shape[1] // 6  # of crops that hold the box enlarged by half
    box = dlib.rectangle(margin, margin, crops.shape[2] - margin, crops.shape[1] - margin)
    return lambda: [predictor(crop, box) for crop in crops]
