"""Losses on heat maps: least where the maps are peaks at their points."""

import math

import pytest
import torch
from torch import Tensor
from workspace import ROOT

from keypoints.architectures.heatmap.losses import MAP_LOSSES
from keypoints.architectures.heatmap.network import soft_argmax
from keypoints.config.params import read_params
from keypoints.training.losses import Loss, make_loss, masked_mean_loss, wing

every_map_loss = pytest.mark.parametrize("name", MAP_LOSSES)
SIZE = (12, 16)  # rows and columns
WIDTH = 1.5


def logarithm(points: Tensor, width: float) -> Tensor:
    """That of a Gaussian at each point, (n, n_points, 12, 16)."""
    rows, columns = (torch.arange(count) + 0.5 for count in SIZE)
    x, y = points[..., 0, None, None] * SIZE[1], points[..., 1, None, None] * SIZE[0]
    return -((columns - x) ** 2 + (rows[:, None] - y) ** 2) / (2 * width**2)


def peaks(points: Tensor, *, of: str = "divergence", width: float = WIDTH) -> Tensor:
    """Maps that are Gaussians after their softmax, or after their sigmoid for adaptive wing."""
    found = logarithm(points, width)
    return found.exp().logit(eps=1e-6) if of == "adaptive_wing" else found


def loss_with_maps(name: str) -> Loss:
    """Wing loss of the points, and a quarter of the maps'."""
    model = read_params(ROOT / "contenders/params.yaml").model("mobile_heatmap")
    update = {"heatmap_loss": name, "heatmap_loss_weight": 0.25, "heatmap_sigma": WIDTH}
    return make_loss(model.model_copy(update=update), None, (0, 1))


@pytest.fixture
def target() -> Tensor:
    return torch.tensor([[[0.5, 0.5], [0.3, 0.7]], [[0.4, 0.25], [0.6, 0.6]]])


def test_maps_without_anything_in_common_have_the_largest_divergence():
    far = torch.tensor([[[0.05, 0.05]]])
    loss = MAP_LOSSES["divergence"](peaks(far, width=0.3), 1 - far, 0.3)
    assert loss.item() == pytest.approx(math.log(2), rel=0.01)


@every_map_loss
def test_a_peak_elsewhere_or_a_wide_one_costs_more(name: str, target: Tensor):
    loss = MAP_LOSSES[name]
    there = loss(peaks(target, of=name), target, WIDTH)
    torch.testing.assert_close(there, torch.zeros(2, 2), atol=1e-5, rtol=0)
    assert (there < loss(peaks(target + 0.1, of=name), target, WIDTH)).all()
    assert (there < loss(peaks(target, of=name, width=4.0), target, WIDTH)).all()


@every_map_loss
def test_points_that_are_unknown_do_not_count(name: str, target: Tensor):
    loss = loss_with_maps(name)
    maps = peaks(target + 0.05, of=name).requires_grad_()
    some = target.clone()
    some[0, 1] = torch.nan
    loss(target, some, raw=maps).backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()
    assert (maps.grad[0, 1] == 0).all() and (maps.grad[0, 0] != 0).any()
    assert loss(target, target * torch.nan, raw=maps).item() == 0


@every_map_loss
def test_maps_learn_to_be_peaks(name: str, target: Tensor):
    maps = torch.zeros(2, 2, *SIZE, requires_grad=True)
    optimizer = torch.optim.Adam([maps], lr=0.3)
    for _ in range(200):
        optimizer.zero_grad()
        MAP_LOSSES[name](maps, target, WIDTH).mean().backward()
        optimizer.step()
    torch.testing.assert_close(soft_argmax(maps), target, atol=0.06, rtol=0)
    assert (maps.flatten(2).argmax(-1) == peaks(target).flatten(2).argmax(-1)).all()


@every_map_loss
def test_the_settings_add_it_to_the_loss_of_the_points(name: str, target: Tensor):
    maps = peaks(target + 0.05)
    predicted = soft_argmax(maps)
    both = loss_with_maps(name)(predicted, target, raw=maps)
    of_points, of_maps = (
        masked_mean_loss(wing)(predicted, target),
        MAP_LOSSES[name](maps, target, WIDTH),
    )
    assert both.item() == pytest.approx((of_points + of_maps.mean() / 4).item())
