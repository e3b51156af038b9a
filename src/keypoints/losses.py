"""Losses on landmarks in 0..1 of the input, each a mean over all coordinates."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]


def wing_loss(
    predicted: Tensor, target: Tensor, *, width: float = 0.04, curvature: float = 0.008
) -> Tensor:
    """Logarithmic near zero, linear beyond: small errors count for more than with L1.

    Args:
        predicted: landmarks_unit, (n, n_points, 2).
        target: The same, annotated.
        width: Where the logarithm ends, in 0..1 of the input (10 px of 256).
        curvature: Of the logarithm, in the same unit (2 px of 256).

    Source: Feng et al., Wing loss for robust facial landmark localisation, 2018.
    """
    error = (predicted - target).abs()
    offset = width - width * math.log1p(width / curvature)
    near = width * torch.log1p(error / curvature)
    return torch.where(error < width, near, error - offset).mean()


def smooth_l1_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Square below 0.02 of the input (about 5 px of 256), linear beyond; shapes as `wing_loss`."""
    return functional.smooth_l1_loss(predicted, target, beta=0.02)


LOSSES: dict[str, Loss] = {
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "smooth_l1": smooth_l1_loss,
    "wing": wing_loss,
}
