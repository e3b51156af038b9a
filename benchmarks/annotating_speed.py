"""annotate.py: its start against `import torch`, and its pace against the network alone."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from measurement import Measurement, Size, in_turn
from workspace import ROOT, run_in

from keypoints.annotation.default_model import PRETRAINED
from keypoints.annotation.torch_predictor import torch_predictor
from keypoints.config.params import read_params
from keypoints.export.onnx import write_onnx
from keypoints.models.build import build_network
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.predict import load_model, save_model

MODEL = "resnet18"
READ_WEIGHTS = "import torch, sys; from safetensors.torch import load_file; load_file(sys.argv[1])"


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Annotate one drawn photo, then many, with an untrained network: speed is the same."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = _write_model(folder)
    photos = [str(path.resolve()) for path in sorted(drawn.rglob("*.jpg")) if "ibug" in str(path)]
    annotate = [sys.executable, str(ROOT / "src/annotate.py")]
    start = [sys.executable, "-c", READ_WEIGHTS, str(weights)]
    for name, options in (
        ("annotate: first photo / import torch and read the weights", ["--model", str(weights)]),
        ("the same, without an export beside them", ["--model", str(weights), "--device", "cpu"]),
        ("the same, with the committed network", ["--model", str(PRETRAINED)]),
    ):
        first = [*annotate, photos[0], *options]
        times = in_turn(partial(run_in, folder, first), partial(run_in, folder, start), size.rounds)
        numbers = f"{median(times.first):.2f} / {median(times.second):.2f} s"
        yield Measurement(name, 1 / times.speed_ratio, "<= 1.5", numbers)
    yield from _pace(folder, weights, photos, size)


def _write_model(folder: Path) -> Path:
    params = read_params(ROOT / "params.yaml")
    model = params.model(MODEL)
    task = params.task(model.task)
    settings = ModelInfo(name=MODEL, seed=1, lr=1e-3, scheme="ibug68", model=model, task=task)
    weights = folder / f"{MODEL}.safetensors"
    save_model(weights, build_network(model, task, len(settings.points), seed=1), settings)
    write_onnx(weights.with_suffix(".onnx"), load_model(weights), model=weights)
    return weights


def _pace(folder: Path, weights: Path, photos: list[str], size: Size) -> Iterator[Measurement]:
    """Photos per second within annotate.py, once it runs, and of the network on as many crops."""
    import annotate  # the script: run.py puts src/ on the path

    photos = photos * -(-16 // len(photos))
    photos = photos[: len(photos) // 16 * 16]
    model = load_model(weights)
    predictor = torch_predictor(model, torch.device("cpu"))
    of_16_faces = (32, *model.settings.task.input_size, 3)  # and of their mirror images
    crops = np.zeros(of_16_faces, np.uint8)
    for name, options in (("boxes given", ["--box", "40,40,120,120"]), ("faces found", [])):
        given = [*photos, *options, "--model", str(weights), "--out", str(folder / "out")]
        times = in_turn(
            partial(_quietly, annotate.annotate, annotate.parser().parse_args(given)),
            lambda: [predictor.run(crops) for _ in range(len(photos) // 16)],
            size.rounds,
        )
        pace = [len(photos) / median(seconds) for seconds in (times.first, times.second)]
        yield Measurement(
            f"annotate, {name} / the network alone",
            times.speed_ratio,
            ">= 0.9",
            f"{pace[0]:.1f} / {pace[1]:.1f} photos/s",
        )


def _quietly(work: Callable[[argparse.Namespace], bool], given: argparse.Namespace) -> None:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        done = work(given)
    assert done, "all drawn photos can be read"
