"""Losses on landmarks in 0..1 of the input, each a mean over all coordinates that are known."""

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


def of_known(loss: Loss) -> Loss:
    """The same loss, where coordinates that are NaN in the target do not count.

    Where all are known the loss gets the very same tensors, so nothing changes.
    """

    def loss_of_known(predicted: Tensor, target: Tensor) -> Tensor:
        known = ~target.isnan()
        if known.all():
            return loss(predicted, target)
        if not known.any():
            return predicted.sum() * 0  # nothing to learn from: no gradient
        return loss(predicted[known], target[known])

    return loss_of_known


LOSSES: dict[str, Loss] = {
    "mse": of_known(functional.mse_loss),
    "l1": of_known(functional.l1_loss),
    "smooth_l1": of_known(smooth_l1_loss),
    "wing": of_known(wing_loss),
}
