"""Each network's training in the real loop against its steps on one resident random batch."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from measurement import Measurement, Size, Times, in_turn, seconds_of
from torch import nn
from workspace import make_workspace, run_in, stage_command

from keypoints.config.models import ModelSettings
from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.landmarks import SCHEMES
from keypoints.crops.batches import BatchLoader
from keypoints.crops.gpu_crops import make_crop_reader
from keypoints.crops.store import CropStore
from keypoints.models.build import build_network
from keypoints.models.checkpoint import points_of
from keypoints.core.devices import autocast, choose_device, supports_fused_optimizer
from keypoints.training.loop import train
from keypoints.training.losses import Loss, make_loss

BARS = {"nose_net": 0.9, "face_net": 0.95, "timm_backbone": 0.95}  # by architecture
MIN_STEPS, MAX_STEPS = 2, 60  # of a pass; an epoch of the public sets has 6 to 60
MIN_ROUNDS, MAX_ROUNDS = 3, 15


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Train every network of params.yaml for a few short epochs."""
    make_workspace(folder, drawn, size.copies)
    params = read_params(folder / "params.yaml")
    device = choose_device(params.device)
    for task in dict.fromkeys(model.task for model in params.models.values()):
        run_in(folder, stage_command("prepare", task))  # a process: it sets OpenCV's threads
    for name, model in params.models.items():
        with CropStore(folder / paths.CROPS / model.task) as store:
            times, images = _compare(store, params, model, device, size)
        real, resident = images / median(times.first), images / median(times.second)
        yield Measurement(
            f"train {name}, real loop / resident batch",
            times.speed_ratio,
            f">= {BARS[model.architecture]}",
            f"{real:.1f} / {resident:.1f} images/s",
        )


def _compare(
    store: CropStore, params: Params, model: ModelSettings, device: torch.device, size: Size
) -> tuple[Times, int]:
    """Times of passes of both loops, and the images of a pass."""
    task = params.task(model.task)
    scheme = SCHEMES[store.format.scheme]
    points = points_of(task, scheme)
    loss = make_loss(model, scheme, points)
    resident = ResidentLoop(
        build_network(model, task, len(points), seed=params.seed),
        (model.batch_size, task.channels, *task.input_size),
        n_points=len(points),
        loss=loss,
        lr=params.lr,
        device=device,
    )
    resident.run(1)
    steps, rounds = _plan(seconds_of(lambda: resident.run(1)), size.seconds)
    rows = np.resize(store.rows("train"), steps * model.batch_size)
    epochs = train(
        build_network(model, task, len(points), seed=params.seed),
        BatchLoader(
            store,
            rows,
            points,
            batch_size=model.batch_size,
            augment=model.augment,
            seed=params.seed,
            reader=make_crop_reader(device, store),
        ),
        BatchLoader(store, store.rows("validation")[:1], points, batch_size=1),
        loss=loss,
        lr=params.lr,
        epochs=rounds + 1,
        seed=params.seed,
        device=device,
    )
    next(epochs)  # the first is slower: memory and the convolutions' plans are new
    return in_turn(lambda: next(epochs), lambda: resident.run(steps), rounds), len(rows)


def _plan(step_seconds: float, seconds: float) -> tuple[int, int]:
    """Steps of a pass and rounds of two passes that take about so long together."""
    steps = min(max(round(seconds / (2 * MAX_ROUNDS) / step_seconds), MIN_STEPS), MAX_STEPS)
    rounds = round(seconds / (2 * steps * step_seconds))
    return steps, min(max(rounds, MIN_ROUNDS), MAX_ROUNDS)


class ResidentLoop:
    """Steps on one random batch that never moves: what the network alone costs.

    Args:
        network: Of the same architecture and settings as the real loop's.
        input_shape: (n, channels, height, width).
        n_points: Of each face.
        loss: On landmarks_unit.
        lr: Adam's learning rate.
        device: Of the network and the batch.
    """

    def __init__(
        self,
        network: nn.Module,
        input_shape: tuple[int, ...],
        *,
        n_points: int,
        loss: Loss,
        lr: float,
        device: torch.device,
    ) -> None:
        self._network = network.to(device).to(memory_format=torch.channels_last).train()
        images = torch.rand(input_shape, device=device)
        self._images = images.contiguous(memory_format=torch.channels_last)
        self._target = torch.rand(input_shape[0], n_points, 2, device=device)
        self._loss, self._device = loss, device
        fused = supports_fused_optimizer(device)
        self._optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=fused)

    def run(self, steps: int) -> None:
        """Do steps of the optimiser, to their end."""
        for _ in range(steps):
            with autocast(self._device):
                predicted = self._network(self._images).float()
            self._optimizer.zero_grad()
            self._loss(predicted, self._target).backward()
            self._optimizer.step()
        if self._device.type != "cpu":
            torch.accelerator.synchronize()
