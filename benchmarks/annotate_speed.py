"""Start and throughput of annotate.py, compared with `import torch` and with the network alone."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from measurement import Measurement, Size, alternate
from workspace import ROOT, run_in

from keypoints.annotation.command import annotate
from keypoints.annotation.command_line import script_parser
from keypoints.annotation.default_model import PRETRAINED, open_model
from keypoints.config.params import read_params
from keypoints.core.landmarks import IBUG_68
from keypoints.export.onnx import write_onnx
from keypoints.models.build import build_network
from keypoints.models.predict import load_model, save_model
from keypoints.training.settings import read_train_settings

MODEL = "resnet18"
READ_WEIGHTS = "import torch, sys; from safetensors.torch import load_file; load_file(sys.argv[1])"


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Annotate one rendered photo, then many, with an untrained network."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = _write_model(folder)
    photos = [str(path.resolve()) for path in sorted((rendered / "ibug").rglob("*.jpg"))]
    command = [sys.executable, str(ROOT / "src/annotate.py")]
    start = [sys.executable, "-c", READ_WEIGHTS, str(weights)]
    reference = "import torch and read the weights"
    for name, options in (
        ("first photo", ["--model", str(weights)]),
        ("first photo without an export", ["--model", str(weights), "--device", "cpu"]),
        ("first photo with the committed network", ["--model", str(PRETRAINED)]),
    ):
        first = [*command, photos[0], *options]
        times = alternate(
            partial(run_in, folder, first), partial(run_in, folder, start), size.rounds
        )
        values = f"{median(times.first):.2f} / {median(times.second):.2f} s"
        yield Measurement(
            f"annotate, {name} / {reference}", 1 / times.speed_ratio, "<= 1.5", values
        )
    yield from _measure_throughput(folder, weights, photos, size)


def _write_model(folder: Path) -> Path:
    """Write a model file with random weights and its export."""
    settings = read_train_settings(read_params(ROOT / "params.yaml"), MODEL)
    info = settings.info(IBUG_68.name)
    network = build_network(info.model, info.task, len(info.points), seed=1)
    weights = folder / f"{MODEL}.safetensors"
    save_model(weights, network, info)
    write_onnx(weights.with_suffix(".onnx"), load_model(weights), model=weights)
    return weights


def _measure_throughput(
    folder: Path, weights: Path, photos: list[str], size: Size
) -> Iterator[Measurement]:
    """Photos per second of annotate.py after its start, and of the network on as many crops."""
    photos = photos * -(-16 // len(photos))
    photos = photos[: len(photos) // 16 * 16]
    predictor = open_model(weights, "auto")[1]()
    # 16 faces and their horizontal flips
    crops = np.zeros((32, *predictor.format.crop_size, 3), np.uint8)
    for name, options in (("boxes given", ["--box", "40,40,120,120"]), ("faces detected", [])):
        arguments = [*photos, *options, "--model", str(weights), "--out", str(folder / "out")]
        times = alternate(
            partial(_run_silently, annotate, script_parser().parse_args(arguments)),
            lambda: [predictor.run(crops) for _ in range(len(photos) // 16)],
            size.rounds,
        )
        speeds = [len(photos) / median(seconds) for seconds in (times.first, times.second)]
        yield Measurement(
            f"annotate, {name} / the network alone",
            times.speed_ratio,
            ">= 0.9",
            f"{speeds[0]:.1f} / {speeds[1]:.1f} photos/s",
        )
    arguments = [*photos, "--model", str(PRETRAINED), "--out", str(folder / "out")]
    start = time.process_time()
    _run_silently(annotate, script_parser().parse_args(arguments))
    speed = len(photos) / (time.process_time() - start)
    yield Measurement(
        "annotate, committed network, photos per second of a core / 40",
        speed / 40,
        ">= 1",
        f"{speed:.1f} photos/s",
    )


def _run_silently(
    work: Callable[[argparse.Namespace], bool], arguments: argparse.Namespace
) -> None:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        all_read = work(arguments)
    assert all_read, "all rendered photos can be read"
