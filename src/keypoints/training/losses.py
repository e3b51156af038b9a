"""Losses on landmarks in 0..1 of the input, each a mean over all coordinates that are known."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from keypoints.architectures.heatmap.losses import MAP_LOSSES
from keypoints.config.models import HeatmapModel, ModelSettings, PipModel
from keypoints.core.landmarks import Scheme, contour_neighbours
from keypoints.core.devices import to_device

ElementwiseLoss = Callable[[Tensor], Tensor]
"""From errors, of any shape, to what each costs."""


class Loss(Protocol):
    """What a step lowers."""

    def __call__(
        self,
        predicted: Tensor,
        target: Tensor,
        *,
        sizes: Tensor | None = None,
        raw: Any = None,
    ) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            predicted: landmarks_unit, (n, n_points, 2).
            target: The same, annotated; NaN where unknown.
            sizes: Of the faces, (n,), as `Batch` has them; None: all of one size.
            raw: What the network says before it is decoded, if its kind has such.
        """


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


ELEMENTWISE_LOSSES: dict[str, ElementwiseLoss] = {
    "mse": torch.square,
    "l1": torch.abs,
    "smooth_l1": smooth_l1,
    "wing": wing,
}


def make_loss(model: ModelSettings, scheme: Scheme, points: tuple[int, ...]) -> Loss:
    """The loss that a model's settings name.

    Args:
        model: Its settings.
        scheme: Whose contours tell along from across.
        points: Which of the scheme's points are predicted.
    """
    penalty = ELEMENTWISE_LOSSES[model.loss]
    if isinstance(model, PipModel):
        return pip_loss(penalty, model)
    by_size = model.size_weight
    if model.tangent_weight == 1:
        loss = masked_mean_loss(penalty, by_size=by_size)
    else:
        neighbours = contour_neighbours(points, scheme)
        loss = anisotropic_loss(penalty, neighbours, weight=model.tangent_weight, by_size=by_size)
    return (
        add_heatmap_loss(loss, model)
        if isinstance(model, HeatmapModel) and model.heatmap_loss
        else loss
    )


def masked_mean_loss(penalty: ElementwiseLoss, *, by_size: float = 0.0) -> Loss:
    """A penalty of each coordinate's error; those that are NaN in the target do not count.

    Args:
        penalty: Of an error.
        by_size: 0: all faces count alike | 1: as metrics in photo pixels count them.
    """

    def loss(
        predicted: Tensor, target: Tensor, *, sizes: Tensor | None = None, raw: Any = None
    ) -> Tensor:
        weight = _weight_of(sizes, target, by_size)
        return _mean(penalty, predicted - target, known=~target.isnan(), weight=weight)

    return loss


def anisotropic_loss(
    penalty: ElementwiseLoss,
    neighbours: list[tuple[int, int]],
    *,
    weight: float,
    by_size: float = 0.0,
) -> Loss:
    """A penalty of errors along the annotated contour, and one of those across it.

    Annotators agree on where the line of a jaw or a brow runs, and less on where along it a point
    lies: errors along it are in part theirs.

    Args:
        penalty: Of both errors of each point.
        neighbours: Of each point, the two whose difference is the direction of its contour; where
            one of them is unknown, or both are the same, x and y count alike.
        weight: Of errors along the contour over that of errors across it; their mean is one.
        by_size: As for `masked_mean_loss`.

    Source: Huang et al., ADNet: leveraging error-bias towards normal direction in face alignment,
    2021 (its anisotropic direction loss).
    """
    order = torch.tensor(neighbours).T  # before and after, (2, n_points)
    of_along, of_across = 2 * weight / (1 + weight), 2 / (1 + weight)

    def loss(
        predicted: Tensor, target: Tensor, *, sizes: Tensor | None = None, raw: Any = None
    ) -> Tensor:
        before, after = to_device(order, target.device)
        step = target[:, after] - target[:, before]
        length = step.norm(dim=-1, keepdim=True)
        is_directed = length > _LEAST_LENGTH  # (n, n_points, 1); not where it is NaN
        x, y = (step / length).unbind(-1)
        x, y = x.where(is_directed[..., 0], 1), y.where(is_directed[..., 0], 0)
        error_x, error_y = (predicted - target).unbind(-1)
        turned = torch.stack([error_x * x + error_y * y, error_y * x - error_x * y], dim=-1)
        known = ~target.isnan().any(dim=-1, keepdim=True)
        weights = torch.stack(
            [torch.where(is_directed[..., 0], share, 1.0) for share in (of_along, of_across)], -1
        )
        of_faces = _weight_of(sizes, target, by_size)
        weights = weights if of_faces is None else weights * of_faces
        return _mean(penalty, turned, known=known.expand_as(turned), weight=weights)

    return loss


def add_heatmap_loss(points_loss: Loss, model: HeatmapModel) -> Loss:
    """A loss of the points, and one of the maps that they are decoded from."""
    assert model.heatmap_loss is not None
    heatmap_loss, width, share = (
        MAP_LOSSES[model.heatmap_loss],
        model.heatmap_sigma,
        model.heatmap_loss_weight,
    )

    def loss(
        predicted: Tensor, target: Tensor, *, sizes: Tensor | None = None, raw: Any = None
    ) -> Tensor:
        of_maps = _mean_of_known(heatmap_loss(raw.float(), target, width), target)
        return points_loss(predicted, target, sizes=sizes) + share * of_maps

    return loss


def pip_loss(penalty: ElementwiseLoss, model: PipModel) -> Loss:
    """The loss of a grid's scores and offsets; the points that are decoded from it do not count."""

    def loss(
        predicted: Tensor, target: Tensor, *, sizes: Tensor | None = None, raw: Any = None
    ) -> Tensor:
        error = raw.errors(target).flatten(1, 2)
        weight = _weight_of(sizes, error, model.size_weight)
        of_offsets = _mean(penalty, error, known=~error.isnan(), weight=weight)
        return of_offsets + model.score_weight * _mean_of_known(raw.score_loss(target), target)

    return loss


def _weight_of(sizes: Tensor | None, target: Tensor, by_size: float) -> Tensor | None:
    """The weight of each coordinate, as the target is shaped; None: all count alike."""
    if sizes is None or by_size == 0:
        return None
    return (sizes**by_size).view(-1, 1, 1).expand_as(target)


def _mean(
    penalty: ElementwiseLoss, error: Tensor, *, known: Tensor, weight: Tensor | None = None
) -> Tensor:
    """The mean cost of the errors that are known; without any there is nothing to learn from.

    It asks no tensor for a value: on a GPU the step would wait for the answer.
    """
    cost = penalty(error.where(known, 0))  # without an error there is no cost
    cost = cost if weight is None else cost * weight
    return cost.sum() / known.sum().clamp_min(1)


def _mean_of_known(cost: Tensor, target: Tensor) -> Tensor:
    """The mean of the points' costs, (n, n_points), over those that are known."""
    known = ~target.isnan().any(dim=-1)
    return _mean(lambda known_cost: known_cost, cost, known=known)


LOSSES: dict[str, Loss] = {
    name: masked_mean_loss(penalty) for name, penalty in ELEMENTWISE_LOSSES.items()
}
