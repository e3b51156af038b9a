"""Losses, by order and by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from keypoints.losses import LOSSES, smooth_l1_loss, wing_loss

every_loss = pytest.mark.parametrize("name", LOSSES)
errors = st.floats(1e-4, 1)


def loss_of(name: str, *differences: float) -> float:
    """The loss of one face whose coordinates are off by so much."""
    predicted = torch.tensor(differences, dtype=torch.float64).view(1, -1, 2)
    return LOSSES[name](predicted, torch.zeros_like(predicted)).item()


@every_loss
def test_loss_of_equal_landmarks_is_zero(name: str):
    landmarks_unit = torch.rand(3, 5, 2, generator=torch.Generator().manual_seed(1))
    assert LOSSES[name](landmarks_unit, landmarks_unit.clone()).item() == 0


@every_loss
@given(errors, st.floats(1.01, 3))
def test_better_is_less(name: str, error: float, factor: float):
    assert 0 < loss_of(name, error, error) < loss_of(name, error * factor, error)


@every_loss
@given(errors, errors)
def test_loss_is_the_same_on_both_sides_and_a_mean(name: str, a: float, b: float):
    assert loss_of(name, a, -b) == pytest.approx(loss_of(name, -a, b))
    halves = (loss_of(name, a, a) + loss_of(name, b, b)) / 2
    assert loss_of(name, a, b) == pytest.approx(halves)
    assert loss_of(name, a, b, a, b) == pytest.approx(loss_of(name, a, b))


@pytest.mark.parametrize(
    ("name", "differences", "expected"),
    [
        ("mse", (0.1, 0.3), 0.05),
        ("l1", (0.1, -0.3), 0.2),
        ("smooth_l1", (0.01, 0.01), 0.0025),  # 0.01 ** 2 / 2 / 0.02
        ("smooth_l1", (0.12, 0.12), 0.11),  # 0.12 - 0.02 / 2
        ("wing", (0.008, 0.008), 0.04 * math.log(2)),
        ("wing", (0.04, 0.04), 0.04 * math.log(6)),
        ("wing", (0.14, 0.14), 0.1 + 0.04 * math.log(6)),
    ],
)
def test_losses_by_hand(name: str, differences: tuple[float, ...], expected: float):
    assert loss_of(name, *differences) == pytest.approx(expected)


def slope(name: str, error: float) -> float:
    predicted = torch.full((1, 1, 2), error, dtype=torch.float64, requires_grad=True)
    LOSSES[name](predicted, torch.zeros_like(predicted)).backward()
    assert predicted.grad is not None
    return predicted.grad.sum().item()


def test_wing_is_steeper_than_l1_near_zero_and_as_steep_beyond():
    assert slope("l1", 0.001) == pytest.approx(1)
    assert slope("wing", 0.001) == pytest.approx(0.04 / 0.009)
    assert slope("wing", 0.001) > slope("wing", 0.01) > slope("l1", 0.01)
    assert slope("wing", 0.1) == pytest.approx(1)


@pytest.mark.parametrize(("name", "joint"), [("wing", 0.04), ("smooth_l1", 0.02)])
def test_pieces_of_a_loss_meet(name: str, joint: float):
    below, above = loss_of(name, *[joint - 1e-9] * 2), loss_of(name, *[joint + 1e-9] * 2)
    assert below == pytest.approx(above, abs=1e-7)


@every_loss
@pytest.mark.parametrize("error", [0.0, 1e-6, 0.5, 100.0])
def test_gradient_is_a_number(name: str, error: float):
    assert math.isfinite(slope(name, error))


def landmarks_and_target(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    predicted = torch.rand(4, 15, 2, generator=rng, requires_grad=True)
    return predicted, torch.rand(4, 15, 2, generator=rng)


@every_loss
def test_unknown_points_do_not_count(name: str):
    predicted, target = landmarks_and_target(1)
    target[1, 3:] = target[2, 7] = math.nan
    known = torch.cat([target[0], target[1, :3], target[2, :7], target[2, 8:], target[3]])
    same = torch.cat([predicted[0], predicted[1, :3], predicted[2, :7], predicted[2, 8:]])
    same = torch.cat([same, predicted[3]])
    masked = LOSSES[name](predicted, target)
    assert masked.item() == pytest.approx(LOSSES[name](same, known).item())
    masked.backward()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
    assert (predicted.grad[1, 3:] == 0).all() and (predicted.grad[2, 7] == 0).all()
    assert (predicted.grad[0] != 0).any()


@every_loss
def test_where_all_points_are_known_no_bit_changes(name: str):
    bare = {
        "mse": functional.mse_loss,
        "l1": functional.l1_loss,
        "smooth_l1": smooth_l1_loss,
        "wing": wing_loss,
    }[name]
    (predicted, target), (again, _) = landmarks_and_target(2), landmarks_and_target(2)
    loss, expected = LOSSES[name](predicted, target), bare(again, target)
    loss.backward()
    expected.backward()
    assert loss.item() == expected.item()
    assert torch.equal(predicted.grad, again.grad)


@every_loss
def test_a_batch_of_which_nothing_is_known_teaches_nothing(name: str):
    predicted, target = landmarks_and_target(3)
    loss = LOSSES[name](predicted, target * math.nan)
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad is not None
    assert (predicted.grad == 0).all()
