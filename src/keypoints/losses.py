"""Losses on landmarks in 0..1 of the input, each a mean over all coordinates that are known."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from keypoints.landmarks import Scheme, neighbours_of
from keypoints.settings.models import Model

Loss = Callable[[Tensor, Tensor], Tensor]
Penalty = Callable[[Tensor], Tensor]
"""From errors, of any shape, to what each costs."""

_LEAST_LENGTH = 1e-6  # in 0..1 of the input: neighbours that are closer show no direction


def wing(error: Tensor, *, width: float = 0.04, curvature: float = 0.008) -> Tensor:
    """Logarithmic near zero, linear beyond: small errors count for more than with L1.

    Args:
        error: In 0..1 of the input, any shape.
        width: Where the logarithm ends, in the same unit (10 px of 256).
        curvature: Of the logarithm, in the same unit (2 px of 256).

    Source: Feng et al., Wing loss for robust facial landmark localisation, 2018.
    """
    size = error.abs()
    offset = width - width * math.log1p(width / curvature)
    return torch.where(size < width, width * torch.log1p(size / curvature), size - offset)


def smooth_l1(error: Tensor) -> Tensor:
    """Square below 0.02 of the input (about 5 px of 256), linear beyond."""
    nothing = torch.zeros((), dtype=error.dtype, device=error.device).expand_as(error)
    return functional.smooth_l1_loss(error, nothing, beta=0.02, reduction="none")


PENALTIES: dict[str, Penalty] = {
    "mse": torch.square,
    "l1": torch.abs,
    "smooth_l1": smooth_l1,
    "wing": wing,
}


def make_loss(model: Model, scheme: Scheme, points: tuple[int, ...]) -> Loss:
    """The loss that a model's settings name.

    Args:
        model: Its settings.
        scheme: Whose contours tell along from across.
        points: Which of the scheme's points are predicted.
    """
    penalty = PENALTIES[model.loss]
    if model.loss_along == 1:
        return mean_of(penalty)
    return along_contours(penalty, neighbours_of(points, scheme), weight=model.loss_along)


def mean_of(penalty: Penalty) -> Loss:
    """A penalty of each coordinate's error; those that are NaN in the target do not count."""

    def loss(predicted: Tensor, target: Tensor) -> Tensor:
        return _mean(penalty, predicted - target, known=~target.isnan())

    return loss


def along_contours(penalty: Penalty, neighbours: list[tuple[int, int]], *, weight: float) -> Loss:
    """A penalty of errors along the annotated contour, and one of those across it.

    Annotators agree on where the line of a jaw or a brow runs, and less on where along it a point
    lies: errors along it are in part theirs.

    Args:
        penalty: Of both errors of each point.
        neighbours: Of each point, the two whose difference is the direction of its contour; where
            one of them is unknown, or both are the same, x and y count alike.
        weight: Of errors along the contour over that of errors across it; their mean is one.

    Source: Huang et al., ADNet: leveraging error-bias towards normal direction in face alignment,
    2021 (its anisotropic direction loss).
    """
    before, after = (list(points) for points in zip(*neighbours, strict=True))
    weights = 2 * torch.tensor([weight, 1.0]) / (1 + weight)

    def loss(predicted: Tensor, target: Tensor) -> Tensor:
        step = target[:, after] - target[:, before]
        length = step.norm(dim=-1, keepdim=True)
        is_directed = length > _LEAST_LENGTH  # (n, n_points, 1); not where it is NaN
        ahead = step.new_tensor([1.0, 0.0])
        x, y = torch.where(is_directed, step / length, ahead).unbind(-1)
        error_x, error_y = (predicted - target).unbind(-1)
        turned = torch.stack([error_x * x + error_y * y, error_y * x - error_x * y], dim=-1)
        known = ~target.isnan().any(dim=-1, keepdim=True)
        weight = torch.where(is_directed, weights.to(step), 1.0)
        return _mean(penalty, turned, known=known.expand_as(turned), weight=weight)

    return loss


def _mean(
    penalty: Penalty, error: Tensor, *, known: Tensor, weight: Tensor | None = None
) -> Tensor:
    """The mean cost of the errors that are known; without any there is nothing to learn from."""
    if not known.any():
        return error.nan_to_num().sum() * 0
    if not known.all():
        error = error[known]
        weight = None if weight is None else weight[known]
    cost = penalty(error)
    return (cost if weight is None else cost * weight).mean()


LOSSES: dict[str, Loss] = {name: mean_of(penalty) for name, penalty in PENALTIES.items()}
