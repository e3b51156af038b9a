"""The loss on heat maps: smallest for Gaussians at the points."""

import math

import pytest
import torch
from small_models import HEATMAP
from torch import Tensor

from keypoints.architectures.heatmap.losses import js_divergence
from keypoints.architectures.heatmap.network import soft_argmax
from keypoints.core.landmarks import IBUG_68
from keypoints.training.losses import LOSSES, Loss, make_loss

SIZE = (12, 16)  # rows and columns
SIGMA = 1.5


def gaussian_logits(points: Tensor, *, sigma: float = SIGMA) -> Tensor:
    """Maps whose softmax is a Gaussian at each point, (n, n_points, 12, 16)."""
    rows, columns = (torch.arange(count) + 0.5 for count in SIZE)
    x, y = points[..., 0, None, None] * SIZE[1], points[..., 1, None, None] * SIZE[0]
    return -((columns - x) ** 2 + (rows[:, None] - y) ** 2) / (2 * sigma**2)


def make_combined_loss() -> Loss:
    """Wing loss on the points, plus a quarter of the loss on the maps."""
    changes = {"heatmap_loss": "js_divergence", "heatmap_loss_weight": 0.25, "heatmap_sigma": SIGMA}
    return make_loss(HEATMAP.model_copy(update=changes), IBUG_68, (0, 1))


@pytest.fixture
def target() -> Tensor:
    return torch.tensor([[[0.5, 0.5], [0.3, 0.7]], [[0.4, 0.25], [0.6, 0.6]]])


def test_disjoint_maps_have_the_largest_divergence():
    far = torch.tensor([[[0.05, 0.05]]])
    loss = js_divergence(gaussian_logits(far, sigma=0.3), 1 - far, 0.3)
    assert loss.item() == pytest.approx(math.log(2), rel=0.01)


def test_a_shifted_or_wide_peak_has_a_larger_loss(target: Tensor):
    exact = js_divergence(gaussian_logits(target), target, SIGMA)
    torch.testing.assert_close(exact, torch.zeros(2, 2), atol=1e-5, rtol=0)
    assert (exact < js_divergence(gaussian_logits(target + 0.1), target, SIGMA)).all()
    assert (exact < js_divergence(gaussian_logits(target, sigma=4.0), target, SIGMA)).all()


def test_unknown_points_are_ignored(target: Tensor):
    loss = make_combined_loss()
    maps = gaussian_logits(target + 0.05).requires_grad_()
    partly_known = target.clone()
    partly_known[0, 1] = torch.nan
    loss(target, partly_known, logits=maps).backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()
    assert (maps.grad[0, 1] == 0).all() and (maps.grad[0, 0] != 0).any()
    assert loss(target, target * torch.nan, logits=maps).item() == 0


def test_maps_converge_to_peaks_at_the_points(target: Tensor):
    maps = torch.zeros(2, 2, *SIZE, requires_grad=True)
    optimizer = torch.optim.Adam([maps], lr=0.3)
    for _ in range(200):
        optimizer.zero_grad()
        js_divergence(maps, target, SIGMA).mean().backward()
        optimizer.step()
    torch.testing.assert_close(soft_argmax(maps), target, atol=0.06, rtol=0)
    assert (maps.flatten(2).argmax(-1) == gaussian_logits(target).flatten(2).argmax(-1)).all()


def test_the_loss_on_the_maps_is_added_to_that_on_the_points(target: Tensor):
    maps = gaussian_logits(target + 0.05)
    predicted = soft_argmax(maps)
    combined = make_combined_loss()(predicted, target, logits=maps)
    on_points = LOSSES["wing"](predicted, target)
    on_maps = js_divergence(maps, target, SIGMA)
    assert combined.item() == pytest.approx((on_points + on_maps.mean() / 4).item())


def test_without_a_heatmap_loss_only_the_points_count(target: Tensor):
    maps = gaussian_logits(target + 0.05)
    loss = make_loss(HEATMAP.model_copy(update={"heatmap_loss": None}), IBUG_68, (0, 1))
    assert loss(target, target, logits=maps).item() == 0
