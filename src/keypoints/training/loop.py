"""The training loop: step, validate, save."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

import torch
from torch import Tensor, nn
from tqdm import tqdm

from keypoints import layout
from keypoints.chance import Purpose, torch_seed
from keypoints.crops.batches import Batches
from keypoints.devices import seed_torch
from keypoints.errors import PipelineError, first_line
from keypoints.inference import predict, save_model
from keypoints.scoring.metrics import mean_squared_error
from keypoints.settings.models import Recipe
from keypoints.trained_settings import TrainedSettings
from keypoints.training.history import EpochResult
from keypoints.training.losses import Loss
from keypoints.training.recipe import Learner, rate_factors
from keypoints.training.resume import Progress, StateFile, restore
from keypoints.training.teaching import Teacher
from keypoints.training.team import ALONE, Team

PLAIN = Recipe()

STEPS_UNSEEN = 50  # on a GPU, until their losses are looked at


class LearningError(PipelineError):
    """Training that cannot go on; the message says where it broke and what to try.

    Attributes:
        good: Where the run stood when it was last saved; the network is as it was then. None: it
            was never saved, and the network is of no use.
    """

    good: Progress | None = None


def train(
    network: nn.Module,
    train_batches: Batches,
    validation_batches: Batches,
    *,
    loss: Loss,
    lr: float,
    lr_decay: float = 0.0,
    recipe: Recipe = PLAIN,
    epochs: int,
    seed: int,
    device: torch.device,
    state: StateFile | None = None,
    team: Team = ALONE,
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
        lr_decay: Share of the epochs, the last ones, over which it falls to nearly zero.
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
        LearningError: If the loss or a weight is no longer a finite number, or a step fails.
    """
    network.to(device).to(memory_format=torch.channels_last)
    learner = Learner(network, loss, recipe, device, team, teacher, compiled=compiled)
    saved = team.of_leader(state.read() if state else None)
    at = restore(saved, learner.whole, learner.optimizer) if saved else None
    if state and at:
        print(f"{state.path}: goes on in epoch {at.epoch}, after step {at.step}", flush=True)
    at = at or Progress.at_start_of(1)
    yield from (EpochResult(**row) for row in at.history)
    while at.epoch <= epochs:
        start = time.perf_counter()
        rates = [
            learning_rate(at.epoch, epochs, lr=lr, lr_decay=lr_decay) * factor
            for factor in rate_factors(at.epoch, epochs, train_batches.steps, recipe)
        ]
        with _back_to_good(network, learner, state):
            train_mse = _train_epoch(learner, train_batches, rates, at, seed, device, state, team)
            val_mse = validate(learner.judged, validation_batches, device, team)
            where = f"the validation after epoch {at.epoch}"
            _check_finite(val_mse, where, rates[-1])
            _check_weights(learner, where, rates[-1])
        seconds = time.perf_counter() - start
        result = EpochResult(at.epoch, train_mse, val_mse, rates[-1], seconds)
        at = Progress.at_start_of(at.epoch + 1, [*at.history, asdict(result)])
        if state:
            state.save(learner.whole, learner.optimizer, at)
        yield result
    network.load_state_dict(learner.judged.state_dict())


def with_last_good(
    error: LearningError, state: StateFile, network: nn.Module, settings: TrainedSettings
) -> LearningError:
    """The error, and where the weights of the last save are kept, if there was one."""
    if error.good is None:
        return error
    kept = state.path.with_suffix(".last_good.safetensors")
    save_model(layout.fresh(kept), network, settings)
    return LearningError(f"{error}\n{kept}: the last good weights, {error.good}")


@contextmanager
def _back_to_good(network: nn.Module, learner: Learner, state: StateFile | None) -> Iterator[None]:
    """Where learning breaks, take the network back to where it was last saved."""
    try:
        yield
    except LearningError as error:
        saved = state.read() if state else None
        error.good = restore(saved, learner.whole, learner.optimizer) if saved else None
        network.load_state_dict(learner.judged.state_dict())
        raise


def learning_rate(epoch: int, epochs: int, *, lr: float, lr_decay: float) -> float:
    """The rate of an epoch: constant, then falling by equal steps over the last epochs.

    Args:
        epoch: Counted from 1.
        epochs: In all.
        lr: The constant rate.
        lr_decay: Share of the epochs over which it falls, 0..1; 0: it never does.
    """
    return lr * min(1.0, (epochs - epoch + 1) / (lr_decay * epochs + 1))


def _train_epoch(
    learner: Learner,
    batches: Batches,
    rates: list[float],
    at: Progress,
    seed: int,
    device: torch.device,
    state: StateFile | None,
    team: Team,
) -> float:
    """One pass over the faces, or the rest of one; the mean squared error of all its steps."""
    learner.network.train()
    squares, faces = torch.tensor(at.squares, device=device), at.faces
    lookout = Lookout(1 if device.type == "cpu" else STEPS_UNSEEN)
    numbers = range((at.epoch - 1) * batches.steps, at.epoch * batches.steps)  # over all epochs
    # Drawn at once: within the steps each draw would wait for the thread that makes the batches.
    seeds = [torch_seed(seed, Purpose.DROPOUT, number, team.rank) for number in numbers]
    steps = tqdm(
        batches.epoch(at.epoch, first_step=at.step),
        f"epoch {at.epoch}",
        batches.steps,
        initial=at.step,
        leave=False,
        disable=None if team.leads else True,
    )
    where = f"epoch {at.epoch}"
    try:
        for step, batch in enumerate(steps, start=at.step):
            this_step = f"epoch {at.epoch}, step {step + 1}"
            where = f"{this_step}, of {len(batch.images)} face(s)"
            seed_torch(seeds[step], device)
            learner.set_rate(rates[step])
            lowered, square = learner.step(batch, numbers[step])
            lookout.see(lowered, this_step, rates[step])
            squares += square * batches.n_faces(step)
            faces += batches.n_faces(step)
            if state and state.is_due and lookout.is_clear:
                _check_weights(learner, this_step, rates[step])
                now = replace(at, step=step + 1, squares=squares.item(), faces=faces)
                state.save(learner.whole, learner.optimizer, now)
        lookout.check()
        return squares.item() / faces
    except (RuntimeError, ValueError) as error:  # of memory, or of a batch's statistics
        if team.size > 1:  # or of another process
            raise
        others = "another batch_size" + (", or compile: false" if learner.compiled else "")
        raise LearningError(f"{first_line(error)} in {where}; try {others}") from error


class Lookout:
    """Sees that losses are finite numbers; on a GPU some steps later, for to ask is to wait.

    All processes of a team have the same losses and look at them after the same steps.

    Args:
        patience: Losses that are looked at together.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._unseen: list[tuple[Tensor, str, float]] = []

    def see(self, loss: Tensor, where: str, lr: float) -> None:
        """Take note of a loss, a scalar, and look at all that were noted when it is time.

        Raises:
            LearningError: As `check`.
        """
        self._unseen.append((loss, where, lr))
        if len(self._unseen) == self._patience:
            self.check()

    @property
    def is_clear(self) -> bool:
        """Whether all losses that were not looked at yet are finite numbers."""
        return all(bool(torch.isfinite(loss)) for loss, _, _ in self._unseen)

    def check(self) -> None:
        """Look at all losses that were not looked at yet.

        Raises:
            LearningError: If one of them is no finite number; it names the first.
        """
        unseen, self._unseen = self._unseen, []
        if not unseen:
            return
        losses = torch.stack([loss for loss, _, _ in unseen]).tolist()
        for loss, (_, where, lr) in zip(losses, unseen, strict=True):
            _check_finite(loss, where, lr)


def _check_finite(loss: float, where: str, lr: float) -> None:
    if not math.isfinite(loss):
        raise LearningError(
            f"the loss is {loss} in {where}, at learning rate {lr:g}; try a smaller lr"
        )


def _check_weights(learner: Learner, where: str, lr: float) -> None:
    """What is saved is good: a loss that was finite does not say so of the step after it."""
    if not all(torch.isfinite(weights).all() for weights in learner.whole.parameters()):
        raise LearningError(
            f"a weight is not a finite number after {where}, at learning rate {lr:g}; try a "
            "smaller lr"
        )


def validate(
    network: nn.Module, batches: Batches, device: torch.device, team: Team = ALONE
) -> float:
    """Mean squared error in 0..1 of the input over all faces of the batches of the team."""
    predictions = predict(network, batches, device)
    mse = mean_squared_error(predictions.landmarks_unit, predictions.target_unit)
    return team.weighted_mean(mse, len(predictions.target_unit))
