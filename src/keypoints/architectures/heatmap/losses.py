"""What heat maps cost before their softmax, beside the loss of the points that they give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

MapLoss = Callable[[Tensor, Tensor, float], Tensor]
"""Of maps (n, n_points, rows, columns), the annotated points (n, n_points, 2) in 0..1 of them, NaN
where unknown, and the width of a wanted peak, px of the map; to what each map costs, (n, n_points).
The cost of an unknown point says nothing."""


_ALPHA, _OMEGA, _EPSILON, _THETA = 2.1, 14.0, 1.0, 0.5  # of adaptive wing, as its authors set them
_AT_PEAK, _PEAK = 10.0, 0.2  # and how much more the pixels count that are next to one so high


def js_divergence(maps: Tensor, target: Tensor, width: float) -> Tensor:
    """How far each map's softmax is from a Gaussian at its point: it keeps the maps compact.

    Source: Nibali et al., Numerical coordinate regression with convolutional neural networks, 2018
    (DSNT, the Jensen-Shannon regulariser).
    """
    said = maps.flatten(2).log_softmax(dim=-1)
    wanted = _gaussians(target, maps.shape[-2:], width).flatten(2)
    wanted = (wanted / wanted.sum(dim=-1, keepdim=True).clamp_min(1e-12)).clamp_min(1e-12).log()
    middle = torch.logaddexp(said, wanted) - math.log(2)
    each = [
        functional.kl_div(middle, one, log_target=True, reduction="none") for one in (said, wanted)
    ]
    return (each[0] + each[1]).sum(dim=-1) / 2


def adaptive_wing(maps: Tensor, target: Tensor, width: float) -> Tensor:
    """Wing loss of the maps' sigmoid against a Gaussian: sharp at the peak, as square around it.

    Source: Wang et al., Adaptive wing loss for robust face alignment via heatmap regression, 2019.
    """
    wanted = _gaussians(target, maps.shape[-2:], width)
    error = (maps.sigmoid() - wanted).abs()
    power = _ALPHA - wanted
    ratio = _THETA / _EPSILON
    slope = _OMEGA / (1 + ratio**power) * power * ratio ** (power - 1) / _EPSILON
    offset = _THETA * slope - _OMEGA * torch.log1p(ratio**power)
    near = _OMEGA * torch.log1p((error / _EPSILON) ** power)
    cost = torch.where(error < _THETA, near, slope * error - offset)
    weight = 1 + _AT_PEAK * (functional.max_pool2d(wanted, 3, 1, 1) > _PEAK)
    return (cost * weight).mean(dim=(-2, -1))


MAP_LOSSES: dict[str, MapLoss] = {"divergence": js_divergence, "adaptive_wing": adaptive_wing}


def _gaussians(points: Tensor, size: torch.Size, width: float) -> Tensor:
    """A peak of height one at each point, (n, n_points, rows, columns); unknown ones anywhere."""
    rows, columns = size
    x, y = points.nan_to_num().unbind(-1)
    x, y = x[..., None] * columns - 0.5, y[..., None] * rows - 0.5
    across = torch.exp(-((torch.arange(columns, device=points.device) - x) ** 2) / (2 * width**2))
    down = torch.exp(-((torch.arange(rows, device=points.device) - y) ** 2) / (2 * width**2))
    return down[..., :, None] * across[..., None, :]
