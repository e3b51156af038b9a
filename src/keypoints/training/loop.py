"""The training loop: steps, validation, checkpoints."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from keypoints.core import paths
from keypoints.core.devices import seed_torch
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.geometry import apply_map
from keypoints.core.rng import Stream, torch_seed
from keypoints.core.types import Array
from keypoints.crops.batches import BatchLoader
from keypoints.crops.mean_shape import photo_to_unit
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.predict import predict, save_model
from keypoints.training.checkpoint import CheckpointFile, TrainState, restore
from keypoints.training.distributed import SINGLE_PROCESS, ProcessGroup
from keypoints.training.history import EpochResult
from keypoints.training.optim import lr_at
from keypoints.training.trainer import TrainConfig, Trainer

CHECK_EVERY = 50  # steps on a GPU between checks of the losses


class TrainingError(PipelineError):
    """Training that cannot continue; the message names the step and a remedy.

    The network has been reset to `last_good`, the state of the last checkpoint. If it is None,
    there was no checkpoint, and the weights are unusable.
    """

    last_good: TrainState | None = None


@dataclass(frozen=True)
class Phase:
    """Consecutive epochs with one input size."""

    train_batches: BatchLoader  # augmented, in a new order each epoch
    validation_batches: BatchLoader
    first_epoch: int  # counted from 1 over all phases
    epochs: int
    lr: float  # the largest

    @property
    def last_epoch(self) -> int:
        return self.first_epoch + self.epochs - 1

    def first_step(self, epoch: int) -> int:
        """Number of an epoch's first step, counted from 0 in this phase."""
        return (epoch - self.first_epoch) * self.train_batches.steps

    def learning_rates(self, epoch: int, config: TrainConfig) -> list[float]:
        """Learning rates of the steps of an epoch."""
        steps, first = self.train_batches.steps, self.first_step(epoch)
        rate = partial(
            lr_at,
            steps_per_epoch=steps,
            epochs=self.epochs,
            lr=self.lr,
            decay_fraction=config.decay_fraction,
            optim=config.optim,
        )
        return [rate(step) for step in range(first, first + steps)]


def train(
    network: nn.Module,
    phases: Sequence[Phase],
    config: TrainConfig,
    *,
    checkpoint: CheckpointFile | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Iterator[EpochResult]:
    """Train a network in place; yield after every epoch.

    A phase, which has this process's share of the batches, starts from the network of the previous
    one, or from its moving average, with a new optimiser, moving average and schedule. The
    checkpoint, which only the main process has, is written after epochs and within long ones. A run
    continues from it and yields the finished epochs again.

    Raises:
        TrainingError: If the loss or a weight is not finite, or a step fails.
    """
    network.to(config.device).to(memory_format=torch.channels_last)
    trainer = Trainer(network, config, group)
    state = _load_state(trainer, checkpoint)
    yield from (EpochResult(**row) for row in state.history)
    for number, phase in enumerate(phases[state.phase :], start=state.phase):
        if number > state.phase:
            trainer.restart()
            state = replace(state, phase=number)
        while state.epoch <= phase.last_epoch:
            try:
                result = _train_epoch(trainer, phase, state, checkpoint)
            except TrainingError as error:
                if checkpoint and (saved := checkpoint.read()):
                    error.last_good = restore(saved, trainer.checkpoint_module, trainer.optimizer)
                trainer.finish()
                raise
            history = [*state.history, asdict(result)]
            state = TrainState(state.epoch + 1, history=history, phase=number)
            if checkpoint and checkpoint.is_due_after_epoch:
                checkpoint.save(trainer.checkpoint_module, trainer.optimizer, state)
            yield result
    trainer.finish()


def save_last_good(
    error: TrainingError, checkpoint: CheckpointFile, network: nn.Module, info: ModelInfo
) -> TrainingError:
    """Save the weights of the last checkpoint as a model file; return the error with its path."""
    if error.last_good is None:
        return error
    path = checkpoint.path.with_suffix(".last_good.safetensors")
    save_model(paths.replace_output(path), network, info)
    return TrainingError(f"{error}\n{path}: the last good weights, {error.last_good}")


def _load_state(trainer: Trainer, checkpoint: CheckpointFile | None) -> TrainState:
    """Continue from the checkpoint of the main process, if there is one."""
    saved = trainer.group.broadcast(checkpoint.read() if checkpoint else None)
    if saved is None:
        return TrainState(1)
    try:
        state = restore(saved, trainer.checkpoint_module, trainer.optimizer)
    except PipelineError as error:
        raise PipelineError(f"{checkpoint.path if checkpoint else ''}: {error}") from error
    if checkpoint:
        where = f"epoch {state.epoch} after step {state.step}"
        print(f"{checkpoint.path}: continuing in {where}", flush=True)
    return state


def _train_epoch(
    trainer: Trainer, phase: Phase, state: TrainState, checkpoint: CheckpointFile | None
) -> EpochResult:
    """Train for one epoch, or the rest of one, and validate."""
    start = time.perf_counter()
    rates = phase.learning_rates(state.epoch, trainer.config)
    train_mse = _run_steps(trainer, phase, state, rates, checkpoint)
    config, group = trainer.config, trainer.group
    val_mse = validate(trainer.eval_model, phase.validation_batches, config.device, group)
    where = f"the validation after epoch {state.epoch}"
    _check_finite(val_mse, where, rates[-1])
    _check_weights(trainer, where, rates[-1])
    seconds = time.perf_counter() - start
    return EpochResult(state.epoch, train_mse, val_mse, rates[-1], seconds)


def _run_steps(
    trainer: Trainer,
    phase: Phase,
    state: TrainState,
    rates: list[float],
    checkpoint: CheckpointFile | None,
) -> float:
    """Run the remaining steps of an epoch; return the mean squared error of all its steps."""
    trainer.network.train()
    device, batches = trainer.config.device, phase.train_batches
    squared_error, faces = torch.tensor(state.squared_error, device=device), state.faces
    losses = FiniteLossCheck(1 if device.type == "cpu" else CHECK_EVERY)
    # All seeds in advance: computed in a step, each would wait for the batch thread.
    seed, first, steps = trainer.config.seed, (state.epoch - 1) * batches.steps, batches.steps
    rank = trainer.group.rank
    seeds = [torch_seed(seed, Stream.DROPOUT, first + step, rank) for step in range(steps)]
    where = epoch = f"epoch {state.epoch}"
    remaining = batches.epoch(state.epoch, first_step=state.step)
    hidden = None if trainer.group.is_main else True  # None: unless it is a terminal
    progress = tqdm(
        remaining, epoch, batches.steps, initial=state.step, leave=False, disable=hidden
    )
    try:
        for step, batch in enumerate(progress, start=state.step):
            this_step = f"{epoch}, step {step + 1}"
            where = f"{this_step}, of {len(batch.images)} face(s)"
            seed_torch(seeds[step], device)
            trainer.set_lr(rates[step])
            loss, mse = trainer.step(batch, phase.first_step(state.epoch) + step)
            losses.add(loss, this_step, rates[step])
            squared_error += mse * batches.n_faces(step)
            faces += batches.n_faces(step)
            if checkpoint and checkpoint.is_due and losses.all_finite:
                _check_weights(trainer, this_step, rates[step])
                total = squared_error.item()
                now = replace(state, step=step + 1, squared_error=total, faces=faces)
                checkpoint.save(trainer.checkpoint_module, trainer.optimizer, now)
        losses.check()
        return squared_error.item() / faces
    except (MemoryError, RuntimeError, ValueError) as error:
        remedies = _remedies(error, trainer.config.compile)
        if trainer.group.world_size > 1 or not remedies:  # or the failure of another process
            raise
        remedy = ", or ".join(remedies)
        raise TrainingError(f"{first_line(error)} in {where}; try {remedy}") from error


def _remedies(error: Exception, is_compiled: bool) -> list[str]:
    """Settings that may prevent an error of torch; none for an error of the network's code."""
    reasons = ("out of memory", "allocate", "more than 1 value per channel")
    depends_on_size = isinstance(error, MemoryError) or any(
        reason in str(error).lower() for reason in reasons
    )
    return ["another batch_size"] * depends_on_size + ["compile: false"] * is_compiled


class FiniteLossCheck:
    """Checks that losses are finite, `every` at once, because reading one synchronises a GPU.

    All processes have the same losses and check them after the same steps.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._pending: list[tuple[Tensor, str, float]] = []

    def add(self, loss: Tensor, where: str, lr: float) -> None:
        """Add the loss of a step, named by `where`; check all pending ones if it is time."""
        self._pending.append((loss, where, lr))
        if len(self._pending) == self._every:
            self.check()

    @property
    def all_finite(self) -> bool:
        return all(bool(torch.isfinite(loss)) for loss, _, _ in self._pending)

    def check(self) -> None:
        """Raise a TrainingError for the first pending loss that is not finite."""
        pending, self._pending = self._pending, []
        if pending:
            losses = torch.stack([loss for loss, _, _ in pending]).tolist()
            for loss, (_, where, lr) in zip(losses, pending, strict=True):
                _check_finite(loss, where, lr)


def _check_finite(loss: float, where: str, lr: float) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss} in {where}, at learning rate {lr:g}; try a smaller lr"
        )


def _check_weights(trainer: Trainer, where: str, lr: float) -> None:
    """Check the weights before they are saved: a step after a finite loss can break them."""
    if not all(torch.isfinite(weights).all() for weights in trainer.checkpoint_module.parameters()):
        raise TrainingError(
            f"a weight is not finite after {where}, at learning rate {lr:g}; try a smaller lr"
        )


def validate(
    network: nn.Module,
    batches: BatchLoader,
    device: torch.device,
    group: ProcessGroup = SINGLE_PROCESS,
) -> float:
    """Compute the mean squared error in 0..1 of the input, over the faces of all processes."""
    predictions = predict(network, batches, device)
    errors = predictions.landmarks_unit - predictions.target_unit
    return group.weighted_mean(float(np.nanmean(errors**2)), np.isfinite(errors).sum())


def validate_mean_shape(
    mean_unit: Array, batches: BatchLoader, group: ProcessGroup = SINGLE_PROCESS
) -> float:
    """Compute the mean squared error of one shape, in 0..1 of the input, predicted for every face.

    It is comparable with the result of `validate` for the same batches.
    """
    rows = batches.rows
    target_photo = batches.store.landmarks_photo[rows][:, list(batches.points)]
    errors = mean_unit - apply_map(photo_to_unit(batches.store, rows), target_photo)
    return group.weighted_mean(float(np.nanmean(errors**2)), np.isfinite(errors).sum())
