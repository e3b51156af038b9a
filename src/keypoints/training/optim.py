"""The optimiser and the settings of its presets."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from keypoints.config.base import Probability, Settings


class OptimSettings(Settings):
    """A preset of `optim`; the defaults are the write-up's: Adam at a constant learning rate."""

    weight_decay: Probability = 0.0  # of AdamW; 0: Adam
    warmup: Probability = 0.0  # fraction of a phase's steps over which the learning rate rises
    schedule: Literal["constant", "cosine"] = "constant"  # cosine: along half of one to 0
    clip_grad: Annotated[float, Field(gt=0)] | None = None  # maximum norm of the gradient
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0  # decay of the weights' moving average; 0: none
    backbone_lr_scale: Annotated[float, Field(gt=0, le=1)] = 1.0  # relative to the other layers'


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
