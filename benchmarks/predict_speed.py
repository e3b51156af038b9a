"""Faces per second of the committed network, of timm's bare backbone and of dlib, in one thread."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measurement import Measurement, Size, alternate
from numpy.typing import NDArray

from keypoints.annotation.default_model import PRETRAINED
from keypoints.annotation.onnx_predictor import open_onnx
from keypoints.annotation.torch_predictor import torch_predictor
from keypoints.models.predict import load_model

BATCH_SIZE = 32
DLIB_MODEL = Path("shape_predictor_68_face_landmarks.dat")  # in the current folder, if you have it


def measure(_folder: Path, _rendered: Path, size: Size) -> Iterator[Measurement]:
    """Predict a batch of crops of noise, whose content does not affect the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    trained = load_model(PRETRAINED)
    format_ = trained.info.crop_format
    shape = (BATCH_SIZE, format_.height, format_.width, format_.channels)
    crops = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    backbone = _make_backbone(trained.info.model.backbone, crops)
    predictor = torch_predictor(trained, torch.device("cpu"))
    yield _compare(backbone, "torch", lambda: predictor.run(crops), size)
    onnx = open_onnx(PRETRAINED.with_suffix(".onnx"))[1]()
    yield _compare(backbone, "onnxruntime, all cores", lambda: onnx.run(crops), size)
    if importlib.util.find_spec("dlib") and DLIB_MODEL.is_file():
        yield _compare(backbone, "dlib's shape predictor", _make_dlib(crops), size)
    else:
        print(f"  dlib is left out, because it is not installed or {DLIB_MODEL} is missing")
    torch.set_num_threads(threads)


def _compare(
    backbone: Callable[[], object], name: str, work: Callable[[], object], size: Size
) -> Measurement:
    for function in (work, backbone):  # the first call is slower
        function()
    times = alternate(work, backbone, size.rounds)
    own, other = (BATCH_SIZE / median(seconds) for seconds in (times.first, times.second))
    values = f"{own:.0f} / {other:.0f} faces/s"
    return Measurement(f"{name} / timm's backbone, one thread", times.speed_ratio, "", values)


def _make_backbone(name: str, crops: NDArray[np.uint8]) -> Callable[[], object]:
    import timm

    network = timm.create_model(name, num_classes=136).eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> object:
        return network(torch.from_numpy(crops).permute(0, 3, 1, 2).float().div_(255))

    return run


def _make_dlib(crops: NDArray[np.uint8]) -> Callable[[], object]:
    import dlib

    predictor: Any = dlib.shape_predictor(str(DLIB_MODEL))
    margin = crops.shape[1] // 6  # the crops contain the box enlarged by half
    box = dlib.rectangle(margin, margin, crops.shape[2] - margin, crops.shape[1] - margin)
    return lambda: [predictor(crop, box) for crop in crops]
