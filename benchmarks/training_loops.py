"""The training loop of a network beside bare steps on one random batch that stays on the device."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from measurement import Times, alternate, measure_seconds

from keypoints.core.devices import autocast, supports_fused_optimizer
from keypoints.core.landmarks import SCHEMES
from keypoints.crops.store import CropStore
from keypoints.models.build import build_network
from keypoints.models.network import LandmarkNetwork, WithLogits
from keypoints.training.distributed import SINGLE_PROCESS
from keypoints.training.loop import Phase, train
from keypoints.training.optim import make_optimizer
from keypoints.training.run import make_config, make_phases
from keypoints.training.settings import TrainSettings
from keypoints.training.trainer import TrainConfig

MIN_STEPS, MAX_STEPS = 2, 60  # of a pass; an epoch of the public data sets has 6 to 60
MIN_ROUNDS, MAX_ROUNDS = 3, 15


@dataclass(frozen=True)
class LoopTimes:
    """Seconds of passes of both loops, alternately: the training loop and the resident batch."""

    times: Times
    steps: int  # of a pass
    batch_size: int


def compare_loops(
    settings: TrainSettings, store: CropStore, device: torch.device, *, seconds: float
) -> LoopTimes:
    """Time an epoch of the training loop and as many steps on a resident batch, in turns."""
    batch_size = settings.model.batch_size
    resident = ResidentLoop(settings, store, device)
    resident.run(2)  # the first steps are slower: memory and convolution plans are new
    steps, rounds = _plan(measure_seconds(lambda: resident.run(1)), seconds)
    phase = make_phases(settings, store, device, SINGLE_PROCESS)[-1]
    rows = np.resize(phase.train_batches.rows, steps * batch_size)
    phase = Phase(
        replace(phase.train_batches, rows=rows, epochs=rounds + 1),
        replace(phase.validation_batches, rows=phase.validation_batches.rows[:1]),
        first_epoch=1,
        epochs=rounds + 1,
        lr=phase.lr,
    )
    epochs = train(initial_network(settings, store), [phase], train_config(settings, store, device))
    next(epochs)
    times = alternate(lambda: next(epochs), lambda: resident.run(steps), rounds)
    return LoopTimes(times, steps, batch_size)


def initial_network(
    settings: TrainSettings, store: CropStore, weights: Path | None = None
) -> LandmarkNetwork:
    """Build the network of a model with random weights, or with those of a model file."""
    info = settings.info(store.format.scheme)
    return build_network(
        settings.model,
        settings.task,
        len(info.points),
        seed=settings.seed,
        weights=weights,
        scheme=SCHEMES[info.scheme],
    )


def train_config(
    settings: TrainSettings, store: CropStore, device: torch.device, *, compiled: bool = False
) -> TrainConfig:
    """Create the options of a training on a device."""
    return make_config(settings, settings.info(store.format.scheme), device, compiled=compiled)


def _plan(step_seconds: float, seconds: float) -> tuple[int, int]:
    """Steps per pass and rounds of two passes that together take about `seconds`."""
    steps = min(max(round(seconds / (2 * MAX_ROUNDS) / step_seconds), MIN_STEPS), MAX_STEPS)
    rounds = round(seconds / (2 * steps * step_seconds))
    return steps, min(max(rounds, MIN_ROUNDS), MAX_ROUNDS)


class ResidentLoop:
    """Steps on one random batch that stays on the device: the cost of the network alone.

    Args:
        settings: Model whose network, loss, optimiser and batch size are used.
        store: Crop store of its task, for the landmark scheme.
        device: Device of the network and the batch.
    """

    def __init__(self, settings: TrainSettings, store: CropStore, device: torch.device) -> None:
        network = initial_network(settings, store).to(device)
        network = network.to(memory_format=torch.channels_last).train()
        config = train_config(settings, store, device)
        n_faces, task = settings.model.batch_size, settings.task
        images = torch.rand(n_faces, task.channels, *task.input_size, device=device)
        self._images = images.contiguous(memory_format=torch.channels_last)
        n_points = len(settings.info(store.format.scheme).points)
        self._target = torch.rand(n_faces, n_points, 2, device=device)
        self._network, self._loss, self._device = WithLogits(network), config.loss, device
        fused = supports_fused_optimizer(device)
        self._optimizer = make_optimizer(network, config.optim, fused=fused)

    def run(self, steps: int) -> None:
        """Run steps of the optimiser and wait for the device."""
        for _ in range(steps):
            with autocast(self._device):
                predicted, logits = self._network(self._images)
            self._optimizer.zero_grad()
            self._loss(predicted.float(), self._target, logits=logits).backward()
            self._optimizer.step()
        wait_for(self._device)


def wait_for(device: torch.device) -> None:
    """Wait until a device has finished its work."""
    if device.type != "cpu":
        torch.accelerator.synchronize()
