"""The optimiser, its learning rate, and the settings of its presets."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from keypoints.config.base import Probability, Settings


class OptimSettings(Settings):
    """A preset of `optim`; the defaults are the write-up's: Adam at a constant learning rate."""

    weight_decay: Probability = 0.0  # of AdamW; 0: Adam
    warmup: Probability = 0.0  # fraction of a phase's steps over which the learning rate rises
    schedule: Literal["constant", "cosine"] = "constant"  # cosine: half a period, to 0
    clip_grad: Annotated[float, Field(gt=0)] | None = None  # maximum norm of the gradient
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0  # decay of the weights' moving average; 0: none
    backbone_lr_scale: Annotated[float, Field(gt=0, le=1)] = 1.0  # relative to the other layers


def make_optimizer(
    network: nn.Module, optim: OptimSettings, *, fused: bool
) -> torch.optim.Optimizer:
    """Create Adam, or AdamW if weights decay; biases and the scales of norms never decay.

    Each parameter group has an `lr_scale`, the factor of its learning rate.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        lr_scale = optim.backbone_lr_scale if name.startswith("body.backbone.") else 1.0
        decay = optim.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((lr_scale, decay), []).append(parameter)
    kind = torch.optim.AdamW if optim.weight_decay else torch.optim.Adam
    parameter_groups = [
        {"params": parameters, "lr_scale": lr_scale, "weight_decay": decay}
        for (lr_scale, decay), parameters in groups.items()
    ]
    return kind(parameter_groups, fused=fused)


def lr_at(
    step: int,
    *,
    steps_per_epoch: int,
    epochs: int,
    lr: float,
    decay_fraction: float = 0.0,
    optim: OptimSettings,
) -> float:
    """Compute the learning rate of a step, counted from 0 over all epochs.

    Two factors scale `lr`. One is constant per epoch and falls in equal steps over the last epochs
    (`decay_fraction`). The other one rises over the first steps (`optim.warmup`) and then stays at
    1, or falls along half a cosine to 0 (`optim.schedule`).

    Source: Loshchilov and Hutter, SGDR, 2017; Goyal et al., Accurate, large minibatch SGD, 2017.
    """
    epochs_left = epochs - step // steps_per_epoch
    epoch_lr = lr * min(1.0, epochs_left / (decay_fraction * epochs + 1))
    n_steps = epochs * steps_per_epoch
    warmup_steps = optim.warmup * n_steps
    if step < warmup_steps:
        return epoch_lr * ((step + 1) / (warmup_steps + 1))
    if optim.schedule == "constant":
        return epoch_lr
    progress = math.pi * (step - warmup_steps) / (n_steps - warmup_steps)
    return epoch_lr * ((1 + math.cos(progress)) / 2)
