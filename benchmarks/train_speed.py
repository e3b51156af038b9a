"""The training loop of each network, compared with steps on one resident random batch."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from measurement import Measurement, Size, Times, alternate, measure_seconds
from torch import nn
from workspace import make_workspace, run_in, stage_command

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.devices import (
    DeviceSetting,
    autocast,
    choose_device,
    supports_fused_optimizer,
)
from keypoints.core.landmarks import SCHEMES
from keypoints.crops.batches import BatchLoader
from keypoints.crops.gpu_crops import make_crop_reader
from keypoints.crops.store import CropStore
from keypoints.models.build import build_network
from keypoints.training.loop import Phase, train
from keypoints.training.losses import Loss, make_loss
from keypoints.training.settings import TrainSettings, read_train_settings
from keypoints.training.trainer import TrainConfig

TARGETS = {"nose_net": 0.9, "face_net": 0.95, "regression": 0.95}  # by architecture
MIN_STEPS, MAX_STEPS = 2, 60  # of a pass; an epoch of the public data sets has 6 to 60
MIN_ROUNDS, MAX_ROUNDS = 3, 15


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Train every network of params.yaml for a few short epochs."""
    make_workspace(folder, rendered, size.copies)
    params = read_params(folder / "params.yaml")
    device = choose_device(params.read("device", DeviceSetting))
    settings = [read_train_settings(params, name) for name in params.names("models")]
    for task in dict.fromkeys(each.model.task for each in settings):
        run_in(folder, stage_command("prepare", task))  # a process: it sets OpenCV's threads
    for each in settings:
        with CropStore(folder / paths.CROPS / each.model.task) as store:
            times, n_images = _compare(store, each, device, size)
        real, resident = n_images / median(times.first), n_images / median(times.second)
        yield Measurement(
            f"train {each.name}, training loop / resident batch",
            times.speed_ratio,
            f">= {TARGETS[each.model.architecture]}",
            f"{real:.1f} / {resident:.1f} images/s",
        )


def _compare(
    store: CropStore, settings: TrainSettings, device: torch.device, size: Size
) -> tuple[Times, int]:
    """Times of passes of both loops, and the number of images of a pass."""
    model, task, scheme = settings.model, settings.task, SCHEMES[store.format.scheme]
    points = task.points_of(scheme)
    loss = make_loss(model, scheme, points)
    resident = ResidentLoop(
        build_network(model, task, len(points), seed=settings.seed),
        (model.batch_size, task.channels, *task.input_size),
        n_points=len(points),
        loss=loss,
        lr=settings.lr,
        device=device,
    )
    resident.run(1)
    steps, rounds = _plan(measure_seconds(lambda: resident.run(1)), size.seconds)
    rows = np.resize(store.rows("train"), steps * model.batch_size)
    train_batches = BatchLoader(
        store,
        rows,
        points,
        batch_size=model.batch_size,
        augment=settings.augment,
        epochs=rounds + 1,
        seed=settings.seed,
        reader=make_crop_reader(device, store),
    )
    validation_batches = BatchLoader(store, store.rows("validation")[:1], points, batch_size=1)
    epochs = train(
        build_network(model, task, len(points), seed=settings.seed),
        [Phase(train_batches, validation_batches, 1, rounds + 1, settings.lr)],
        TrainConfig(loss, seed=settings.seed, device=device),
    )
    next(epochs)  # the first epoch is slower: memory and convolution plans are new
    return alternate(lambda: next(epochs), lambda: resident.run(steps), rounds), len(rows)


def _plan(step_seconds: float, seconds: float) -> tuple[int, int]:
    """Steps per pass and rounds of two passes that together take about `seconds`."""
    steps = min(max(round(seconds / (2 * MAX_ROUNDS) / step_seconds), MIN_STEPS), MAX_STEPS)
    rounds = round(seconds / (2 * steps * step_seconds))
    return steps, min(max(rounds, MIN_ROUNDS), MAX_ROUNDS)


class ResidentLoop:
    """Steps on one random batch that stays on the device: the cost of the network alone.

    Args:
        network: Network with the architecture and settings of the training loop's.
        input_shape: Shape of the batch, (n, channels, height, width).
        n_points: Number of points of each face.
        loss: Loss on landmarks_unit.
        lr: Learning rate of Adam.
        device: Device of the network and the batch.
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
        """Run steps of the optimiser and wait for the device."""
        for _ in range(steps):
            with autocast(self._device):
                predicted = self._network(self._images).float()
            self._optimizer.zero_grad()
            self._loss(predicted, self._target).backward()
            self._optimizer.step()
        if self._device.type != "cpu":
            torch.accelerator.synchronize()
