"""A loss on heat maps, added to the loss on the points."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def js_divergence(maps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Jensen-Shannon divergence between each map's softmax and a Gaussian; keeps the maps compact.

    Args:
        maps: Heat maps before their softmax, (n, n_points, rows, columns).
        target: landmarks_unit, NaN where unknown, (n, n_points, 2).
        sigma: Standard deviation of the Gaussian, px of the map.

    Returns:
        A loss per point, (n, n_points); its value for unknown points is ignored.

    Source: Nibali et al., Numerical coordinate regression with convolutional neural networks, 2018
    (DSNT).
    """
    predicted = maps.flatten(2).log_softmax(dim=-1)
    wanted = _gaussians(target, maps.shape[-2:], sigma).flatten(2)
    wanted = (wanted / wanted.sum(dim=-1, keepdim=True).clamp_min(1e-12)).clamp_min(1e-12).log()
    middle = torch.logaddexp(predicted, wanted) - math.log(2)
    from_predicted, from_wanted = (
        functional.kl_div(middle, each, log_target=True, reduction="none")
        for each in (predicted, wanted)
    )
    return (from_predicted + from_wanted).sum(dim=-1) / 2


def _gaussians(points: Tensor, size: torch.Size, sigma: float) -> Tensor:
    """Gaussians of height 1 at the points, (n, n_points, rows, columns); anywhere if unknown."""
    rows, columns = size
    x, y = points.nan_to_num().unbind(-1)
    x, y = x[..., None] * columns - 0.5, y[..., None] * rows - 0.5
    across = torch.exp(-((torch.arange(columns, device=points.device) - x) ** 2) / (2 * sigma**2))
    down = torch.exp(-((torch.arange(rows, device=points.device) - y) ** 2) / (2 * sigma**2))
    return down[..., :, None] * across[..., None, :]
