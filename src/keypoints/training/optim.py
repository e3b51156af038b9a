"""The optimiser and the settings of its presets."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from keypoints.config.base import Probability, Settings


class OptimSettings(Settings):
    """A preset of `optim`; the defaults are the write-up's: Adam at a constant learning rate.

    Attributes:
        weight_decay: Weight decay of AdamW; 0: Adam.
        warmup: Fraction of a phase's steps over which the learning rate rises.
        schedule: Course of the learning rate after the warm-up; cosine: along half a cosine to 0.
        clip_grad: Maximum norm of the gradient; None: no maximum.
        ema: Decay of the exponential moving average of the weights; 0: no average.
        backbone_lr_scale: Learning rate of a timm backbone relative to that of the other layers.
    """

    weight_decay: Probability = 0.0
    warmup: Probability = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    clip_grad: Annotated[float, Field(gt=0)] | None = None
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    backbone_lr_scale: Annotated[float, Field(gt=0, le=1)] = 1.0


def make_optimizer(
    network: nn.Module, optim: OptimSettings, *, fused: bool
) -> torch.optim.Optimizer:
    """Create Adam, or AdamW if weights decay; biases and the scales of norms never decay.

    Args:
        network: Network whose parameters it updates.
        optim: Settings of the optimiser.
        fused: Whether torch updates all parameters in one step.

    Returns:
        An optimiser whose parameter groups have an `lr_scale`, the factor of the learning rate.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        lr_scale = optim.backbone_lr_scale if name.startswith("body.backbone.") else 1.0
        decay = optim.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((lr_scale, decay), []).append(parameter)
    kind = torch.optim.AdamW if optim.weight_decay else torch.optim.Adam
    return kind(
        [
            {"params": parameters, "lr_scale": lr_scale, "weight_decay": decay}
            for (lr_scale, decay), parameters in groups.items()
        ],
        fused=fused,
    )
