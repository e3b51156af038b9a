"""Losses on landmarks in 0..1 of the input, each a mean over all coordinates that are known.

To add an elementwise loss, add it to `ELEMENTWISE_LOSSES`; `models.*.loss` names it.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from keypoints.core.devices import to_device
from keypoints.core.landmarks import Scheme, contour_neighbours
from keypoints.models.build import find_architecture
from keypoints.models.network import LogitsLoss
from keypoints.models.settings import ModelSettings

ElementwiseLoss = Callable[[Tensor], Tensor]
"""A function of errors, of any shape, that returns the loss of each."""


class Loss(Protocol):
    """A loss of a batch, a scalar.

    `predicted` and `target` are landmarks_unit, (n, n_points, 2); the target is NaN where unknown.
    `logits` are those of the network, None if its architecture has none.
    """

    def __call__(self, predicted: Tensor, target: Tensor, *, logits: Any = None) -> Tensor: ...


def wing(error: Tensor) -> Tensor:
    """Wing loss: logarithmic near zero, linear beyond, so small errors count more than with L1.

    Source: Feng et al., Wing loss for robust facial landmark localisation, 2018.
    """
    width, curvature = 0.04, 0.008  # in 0..1 of the input: 10 and 2 px of 256
    size = error.abs()
    offset = width - width * math.log1p(width / curvature)
    return torch.where(size < width, width * torch.log1p(size / curvature), size - offset)


def smooth_l1(error: Tensor) -> Tensor:
    """Smooth L1 loss: quadratic below 0.02 of the input (about 5 px of 256), linear beyond."""
    zero = torch.zeros((), dtype=error.dtype, device=error.device).expand_as(error)
    return functional.smooth_l1_loss(error, zero, beta=0.02, reduction="none")


ELEMENTWISE_LOSSES: dict[str, ElementwiseLoss] = {
    "mse": torch.square,
    "l1": torch.abs,
    "smooth_l1": smooth_l1,
    "wing": wing,
}


def make_loss(model: ModelSettings, scheme: Scheme, points: tuple[int, ...]) -> Loss:
    """Create the loss of a model that predicts these points (indices) of a landmark scheme."""
    elementwise = ELEMENTWISE_LOSSES[model.loss]
    if model.tangent_weight == 1:
        loss = masked_mean_loss(elementwise)
    else:
        neighbours = contour_neighbours(points, scheme)
        loss = anisotropic_loss(elementwise, neighbours, tangent_weight=model.tangent_weight)
    make_logits_loss = getattr(find_architecture(model.architecture), "logits_loss", None)
    logits_loss = make_logits_loss(model) if make_logits_loss else None
    return add_logits_loss(loss, logits_loss) if logits_loss else loss


def masked_mean_loss(elementwise: ElementwiseLoss) -> Loss:
    """Create the mean of an elementwise loss over all coordinates that are known."""

    def loss(predicted: Tensor, target: Tensor, *, logits: Any = None) -> Tensor:
        return _mean(elementwise, predicted - target, known=~target.isnan())

    return loss


def anisotropic_loss(
    elementwise: ElementwiseLoss, neighbours: list[tuple[int, int]], *, tangent_weight: float
) -> Loss:
    """Create a loss that weights errors along the annotated contours and across them differently.

    Annotators agree on the line of a jaw or a brow, but less on the position of a point along the
    line, so errors along it are partly errors of the annotation.

    `neighbours` are, for each point, the two points whose difference is the direction of its
    contour. If one is unknown, or both are the same, x and y have weight 1. `tangent_weight` is the
    weight of tangential errors relative to normal ones; the mean weight is 1.

    Source: Huang et al., ADNet: leveraging error-bias towards normal direction in face alignment,
    2021 (anisotropic direction loss).
    """
    before_and_after = torch.tensor(neighbours).T  # (2, n_points)
    scales = 2 * tangent_weight / (1 + tangent_weight), 2 / (1 + tangent_weight)

    def loss(predicted: Tensor, target: Tensor, *, logits: Any = None) -> Tensor:
        before, after = to_device(before_and_after, target.device)
        tangent = target[:, after] - target[:, before]
        length = tangent.norm(dim=-1, keepdim=True)
        # (n, n_points, 1); False for NaN, and for neighbours too close to have a direction
        has_tangent = length > 1e-6
        x, y = (tangent / length).unbind(-1)
        x, y = x.where(has_tangent[..., 0], 1), y.where(has_tangent[..., 0], 0)
        error_x, error_y = (predicted - target).unbind(-1)
        rotated = torch.stack([error_x * x + error_y * y, error_y * x - error_x * y], dim=-1)
        known = ~target.isnan().any(dim=-1, keepdim=True)
        weights = torch.stack(
            [torch.where(has_tangent[..., 0], scale, 1.0) for scale in scales], -1
        )
        return _mean(elementwise, rotated, known=known.expand_as(rotated), weight=weights)

    return loss


def add_logits_loss(points_loss: Loss, logits_loss: LogitsLoss) -> Loss:
    """Create the sum of a loss on the points and one on the logits that they are decoded from."""

    def loss(predicted: Tensor, target: Tensor, *, logits: Any = None) -> Tensor:
        per_point = logits_loss.per_point(logits, target)
        known = ~target.isnan().any(dim=-1)
        mean = _mean(lambda losses: losses, per_point, known=known)
        return points_loss(predicted, target) + logits_loss.weight * mean

    return loss


def _mean(
    elementwise: ElementwiseLoss, error: Tensor, *, known: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Mean loss of the known errors; 0 if none is known.

    No tensor value is read, because that would synchronise a GPU in each step.
    """
    losses = elementwise(error.where(known, 0))  # the loss of no error is 0
    losses = losses if weight is None else losses * weight
    return losses.sum() / known.sum().clamp_min(1)


LOSSES: dict[str, Loss] = {
    name: masked_mean_loss(elementwise) for name, elementwise in ELEMENTWISE_LOSSES.items()
}
