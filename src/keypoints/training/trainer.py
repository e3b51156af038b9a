"""How weights move: the optimiser, its rate from step to step, and the average of the weights."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from keypoints.config.models import OptimSettings
from keypoints.crops.batches import Batch
from keypoints.core.devices import autocast, supports_fused_optimizer, to_device
from keypoints.models.network import WithLogits
from keypoints.models.predict import to_input
from keypoints.training.distillation import Teacher
from keypoints.training.distributed import SINGLE_PROCESS, ProcessGroup
from keypoints.training.losses import LOSSES, Loss


class Trainer:
    """A network under training.

    Args:
        network: From images to landmarks_unit; on its device.
        loss: On landmarks_unit.
        recipe: How the weights move.
        device: Of the network.
        team: Of the processes that train it, each on its part of every batch.
        teacher: Whose predictions it learns from, too.
        compiled: Whether torch compiles it before the first step.

    Attributes:
        eval_model: The network that is validated and kept: the average, where the recipe has one.
        checkpoint_module: All that changes but the optimiser, for whoever saves it.
        optimizer: Its rate is set by `set_lr`.
        compiled: Whether torch compiles the network.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        recipe: OptimSettings,
        device: torch.device,
        team: ProcessGroup = SINGLE_PROCESS,
        teacher: Teacher | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        self._teacher = teacher.to(device) if teacher else None
        self.network, self._loss, self._recipe, self._device = network, loss, recipe, device
        self.compiled = compiled
        self._team, self._shared = team, team.wrap(WithLogits(network))
        if compiled:
            # For two sizes of a batch: an epoch's last one may be smaller.
            self._shared.compile(dynamic=False)
        self.optimizer = make_optimizer(network, recipe, fused=supports_fused_optimizer(device))
        self.eval_model: nn.Module = network
        self.checkpoint_module: nn.Module = network
        self._average: Any = None
        if recipe.ema:
            from timm.utils import ModelEmaV3  # timm takes two seconds to import

            self._average = ModelEmaV3(network, decay=recipe.ema, use_warmup=True)
            self.eval_model = self._average.module
            self.checkpoint_module = nn.ModuleDict({"network": network, "average": self.eval_model})

    def set_lr(self, rate: float) -> None:
        """Set the learning rate of the next step; the backbone's is its share of it."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]

    def step(self, batch: Batch, number: int = 0) -> tuple[Tensor, Tensor]:
        """One step of the optimiser.

        Args:
            batch: To learn from, or this process's part of it.
            number: Of the step, counted from 0 over all epochs.

        Returns:
            The loss and the mean squared error before it, of the whole batch; scalars.
        """
        target = to_device(batch.landmarks_unit, self._device)
        images = to_input(batch, self._device)
        with autocast(self._device):
            predicted, raw = self._shared(images)
        predicted = predicted.float()
        sizes = None if batch.sizes is None else to_device(batch.sizes, self._device)
        self.optimizer.zero_grad()
        lowered = self._loss(predicted, target, sizes=sizes, raw=raw)
        if self._teacher:
            taught = self._teacher.predict(images)
            of_teacher = self._loss(predicted, taught, sizes=sizes, raw=raw)
            lowered = torch.lerp(lowered, of_teacher, self._teacher.weight)
        lowered = lowered * batch.weight
        lowered.backward()
        if self._recipe.clip_grad is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.clip_grad)
        self.optimizer.step()
        if self._average is not None:
            self._average.update(self.network, step=number)
        square = LOSSES["mse"](predicted.detach(), target) * batch.weight
        lowered, square = self._team.mean(torch.stack((lowered.detach(), square)))
        return lowered, square


def make_optimizer(
    network: nn.Module, recipe: OptimSettings, *, fused: bool
) -> torch.optim.Optimizer:
    """Adam, or AdamW where weights decay; biases and the scales of norms never do."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        share = recipe.backbone_lr_scale if name.startswith("body.backbone.") else 1.0
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((share, decay), []).append(parameter)
    kind = torch.optim.AdamW if recipe.weight_decay else torch.optim.Adam
    return kind(
        [
            {"params": parameters, "share": share, "weight_decay": decay}
            for (share, decay), parameters in groups.items()
        ],
        fused=fused,
    )


def rate_factors(epoch: int, epochs: int, steps: int, recipe: OptimSettings) -> list[float]:
    """What the rate of each step is multiplied by: a straight rise, then half a cosine to zero.

    Args:
        epoch: Counted from 1.
        epochs: In all.
        steps: Of an epoch.
        recipe: Says over which share of the training it rises, and whether it falls.

    Source: Loshchilov and Hutter, SGDR, 2017; Goyal et al., Accurate, large minibatch SGD, 2017.
    """
    in_all, before = epochs * steps, (epoch - 1) * steps
    return [_rate_factor(before + step, in_all, recipe) for step in range(steps)]


def _rate_factor(step: int, in_all: int, recipe: OptimSettings) -> float:
    rise = recipe.warmup * in_all
    if step < rise:
        return (step + 1) / (rise + 1)
    if not recipe.cosine:
        return 1.0
    return (1 + math.cos(math.pi * (step - rise) / (in_all - rise))) / 2
