"""The training loop: step, validate, save."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

import torch
from torch import Tensor, nn
from tqdm import tqdm

from keypoints.config.models import OptimSettings
from keypoints.core import paths
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.rng import Stream, torch_seed
from keypoints.crops.batches import BatchLoader
from keypoints.evaluation.metrics import mean_squared_error
from keypoints.models.checkpoint import ModelInfo
from keypoints.core.devices import seed_torch
from keypoints.models.predict import predict, save_model
from keypoints.training.checkpoint import CheckpointFile, TrainState, restore
from keypoints.training.distillation import Teacher
from keypoints.training.distributed import SINGLE_PROCESS, ProcessGroup
from keypoints.training.history import EpochResult
from keypoints.training.losses import Loss
from keypoints.training.trainer import Trainer, rate_factors

DEFAULT_OPTIM = OptimSettings()

CHECK_EVERY = 50  # on a GPU, until their losses are looked at


class DivergenceError(PipelineError):
    """Training that cannot go on; the message says where it broke and what to try.

    Attributes:
        last_good: Where the run stood when it was last saved; the network is as it was then. None: it
            was never saved, and the network is of no use.
    """

    last_good: TrainState | None = None


def train(
    network: nn.Module,
    train_batches: BatchLoader,
    validation_batches: BatchLoader,
    *,
    loss: Loss,
    lr: float,
    decay_fraction: float = 0.0,
    recipe: OptimSettings = DEFAULT_OPTIM,
    epochs: int,
    seed: int,
    device: torch.device,
    state: CheckpointFile | None = None,
    team: ProcessGroup = SINGLE_PROCESS,
    teacher: Teacher | None = None,
    compiled: bool = False,
) -> Iterator[EpochResult]:
    """Train a network in place; yields after every epoch.

    Args:
        network: From images to landmarks_unit.
        train_batches: Augmented and in a new order each epoch.
        validation_batches: As they are.
        loss: On landmarks_unit.
        lr: Adam's learning rate.
        decay_fraction: Fraction of the epochs, the last ones, over which it falls to nearly zero.
        recipe: How else the weights move.
        epochs: To train.
        seed: Of the dropout.
        device: To train on.
        state: Where the run is saved, after every epoch and within long ones, and goes on from;
            the epochs that were done before are yielded again. None: nowhere.
        team: Of the processes that train it together; its leader alone has a state. The batches are
            this process's parts.
        teacher: Whose predictions the network learns from, too.
        compiled: Whether torch compiles the network before the first step.

    Raises:
        DivergenceError: If the loss or a weight is no longer a finite number, or a step fails.
    """
    network.to(device).to(memory_format=torch.channels_last)
    learner = Trainer(network, loss, recipe, device, team, teacher, compiled=compiled)
    saved = team.of_leader(state.read() if state else None)
    at = restore(saved, learner.checkpoint_module, learner.optimizer) if saved else None
    if state and at:
        print(f"{state.path}: goes on in epoch {at.epoch}, after step {at.step}", flush=True)
    at = at or TrainState.at_start_of(1)
    yield from (EpochResult(**row) for row in at.history)
    while at.epoch <= epochs:
        start = time.perf_counter()
        rates = [
            learning_rate(at.epoch, epochs, lr=lr, decay_fraction=decay_fraction) * factor
            for factor in rate_factors(at.epoch, epochs, train_batches.steps, recipe)
        ]
        with _rollback_on_divergence(network, learner, state):
            train_mse = _train_epoch(learner, train_batches, rates, at, seed, device, state, team)
            val_mse = validate(learner.eval_model, validation_batches, device, team)
            where = f"the validation after epoch {at.epoch}"
            _check_finite(val_mse, where, rates[-1])
            _check_weights(learner, where, rates[-1])
        seconds = time.perf_counter() - start
        result = EpochResult(at.epoch, train_mse, val_mse, rates[-1], seconds)
        at = TrainState.at_start_of(at.epoch + 1, [*at.history, asdict(result)])
        if state:
            state.save(learner.checkpoint_module, learner.optimizer, at)
        yield result
    network.load_state_dict(learner.eval_model.state_dict())


def save_last_good(
    error: DivergenceError, state: CheckpointFile, network: nn.Module, settings: ModelInfo
) -> DivergenceError:
    """The error, and where the weights of the last save are kept, if there was one."""
    if error.last_good is None:
        return error
    kept = state.path.with_suffix(".last_good.safetensors")
    save_model(paths.replace_output(kept), network, settings)
    return DivergenceError(f"{error}\n{kept}: the last good weights, {error.last_good}")


@contextmanager
def _rollback_on_divergence(
    network: nn.Module, learner: Trainer, state: CheckpointFile | None
) -> Iterator[None]:
    """Where learning breaks, take the network back to where it was last saved."""
    try:
        yield
    except DivergenceError as error:
        saved = state.read() if state else None
        error.last_good = (
            restore(saved, learner.checkpoint_module, learner.optimizer) if saved else None
        )
        network.load_state_dict(learner.eval_model.state_dict())
        raise


def learning_rate(epoch: int, epochs: int, *, lr: float, decay_fraction: float) -> float:
    """The rate of an epoch: constant, then falling by equal steps over the last epochs.

    Args:
        epoch: Counted from 1.
        epochs: In all.
        lr: The constant rate.
        decay_fraction: Fraction of the epochs over which it falls, 0..1; 0: it never does.
    """
    return lr * min(1.0, (epochs - epoch + 1) / (decay_fraction * epochs + 1))


def _train_epoch(
    learner: Trainer,
    batches: BatchLoader,
    rates: list[float],
    at: TrainState,
    seed: int,
    device: torch.device,
    state: CheckpointFile | None,
    team: ProcessGroup,
) -> float:
    """One pass over the faces, or the rest of one; the mean squared error of all its steps."""
    learner.network.train()
    squares, faces = torch.tensor(at.squared_error, device=device), at.faces
    lookout = FiniteLossCheck(1 if device.type == "cpu" else CHECK_EVERY)
    numbers = range((at.epoch - 1) * batches.steps, at.epoch * batches.steps)  # over all epochs
    # Drawn at once: within the steps each draw would wait for the thread that makes the batches.
    seeds = [torch_seed(seed, Stream.DROPOUT, number, team.rank) for number in numbers]
    steps = tqdm(
        batches.epoch(at.epoch, first_step=at.step),
        f"epoch {at.epoch}",
        batches.steps,
        initial=at.step,
        leave=False,
        disable=None if team.is_main else True,
    )
    where = f"epoch {at.epoch}"
    try:
        for step, batch in enumerate(steps, start=at.step):
            this_step = f"epoch {at.epoch}, step {step + 1}"
            where = f"{this_step}, of {len(batch.images)} face(s)"
            seed_torch(seeds[step], device)
            learner.set_lr(rates[step])
            lowered, square = learner.step(batch, numbers[step])
            lookout.add(lowered, this_step, rates[step])
            squares += square * batches.n_faces(step)
            faces += batches.n_faces(step)
            if state and state.is_due and lookout.all_finite:
                _check_weights(learner, this_step, rates[step])
                now = replace(at, step=step + 1, squared_error=squares.item(), faces=faces)
                state.save(learner.checkpoint_module, learner.optimizer, now)
        lookout.check()
        return squares.item() / faces
    except (RuntimeError, ValueError) as error:  # of memory, or of a batch's statistics
        if team.size > 1:  # or of another process
            raise
        others = "another batch_size" + (", or compile: false" if learner.compiled else "")
        raise DivergenceError(f"{first_line(error)} in {where}; try {others}") from error


class FiniteLossCheck:
    """Sees that losses are finite numbers; on a GPU some steps later, for to ask is to wait.

    All processes of a team have the same losses and look at them after the same steps.

    Args:
        patience: Losses that are looked at together.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._unseen: list[tuple[Tensor, str, float]] = []

    def add(self, loss: Tensor, where: str, lr: float) -> None:
        """Take note of a loss, a scalar, and look at all that were noted when it is time.

        Raises:
            DivergenceError: As `check`.
        """
        self._unseen.append((loss, where, lr))
        if len(self._unseen) == self._patience:
            self.check()

    @property
    def all_finite(self) -> bool:
        """Whether all losses that were not looked at yet are finite numbers."""
        return all(bool(torch.isfinite(loss)) for loss, _, _ in self._unseen)

    def check(self) -> None:
        """Look at all losses that were not looked at yet.

        Raises:
            DivergenceError: If one of them is no finite number; it names the first.
        """
        unseen, self._unseen = self._unseen, []
        if not unseen:
            return
        losses = torch.stack([loss for loss, _, _ in unseen]).tolist()
        for loss, (_, where, lr) in zip(losses, unseen, strict=True):
            _check_finite(loss, where, lr)


def _check_finite(loss: float, where: str, lr: float) -> None:
    if not math.isfinite(loss):
        raise DivergenceError(
            f"the loss is {loss} in {where}, at learning rate {lr:g}; try a smaller lr"
        )


def _check_weights(learner: Trainer, where: str, lr: float) -> None:
    """What is saved is good: a loss that was finite does not say so of the step after it."""
    if not all(torch.isfinite(weights).all() for weights in learner.checkpoint_module.parameters()):
        raise DivergenceError(
            f"a weight is not a finite number after {where}, at learning rate {lr:g}; try a "
            "smaller lr"
        )


def validate(
    network: nn.Module,
    batches: BatchLoader,
    device: torch.device,
    team: ProcessGroup = SINGLE_PROCESS,
) -> float:
    """Mean squared error in 0..1 of the input over all faces of the batches of the team."""
    predictions = predict(network, batches, device)
    mse = mean_squared_error(predictions.landmarks_unit, predictions.target_unit)
    return team.weighted_mean(mse, len(predictions.target_unit))
