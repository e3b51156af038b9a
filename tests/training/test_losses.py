"""Losses: their order, and values computed by hand."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import RESNET
from torch.nn import functional

from keypoints.core.landmarks import IBUG_68
from keypoints.training.losses import (
    ELEMENTWISE_LOSSES,
    LOSSES,
    anisotropic_loss,
    make_loss,
    wing,
)

every_loss = pytest.mark.parametrize("name", LOSSES)
errors = st.floats(1e-4, 1)


def loss_for(name: str, *differences: float) -> float:
    """The loss of one face with these errors of its coordinates."""
    predicted = torch.tensor(differences, dtype=torch.float64).view(1, -1, 2)
    return LOSSES[name](predicted, torch.zeros_like(predicted)).item()


@every_loss
def test_the_loss_of_equal_landmarks_is_zero(name: str):
    landmarks_unit = torch.rand(3, 5, 2, generator=torch.Generator().manual_seed(1))
    assert LOSSES[name](landmarks_unit, landmarks_unit.clone()).item() == 0


@every_loss
@given(errors, st.floats(1.01, 3))
def test_a_smaller_error_has_a_smaller_loss(name: str, error: float, factor: float):
    assert 0 < loss_for(name, error, error) < loss_for(name, error * factor, error)


@every_loss
@given(errors, errors)
def test_a_loss_is_symmetric_and_a_mean(name: str, a: float, b: float):
    assert loss_for(name, a, -b) == pytest.approx(loss_for(name, -a, b))
    halves = (loss_for(name, a, a) + loss_for(name, b, b)) / 2
    assert loss_for(name, a, b) == pytest.approx(halves)
    assert loss_for(name, a, b, a, b) == pytest.approx(loss_for(name, a, b))


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
    assert loss_for(name, *differences) == pytest.approx(expected)


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
def test_a_piecewise_loss_is_continuous(name: str, joint: float):
    below, above = loss_for(name, *[joint - 1e-9] * 2), loss_for(name, *[joint + 1e-9] * 2)
    assert below == pytest.approx(above, abs=1e-7)


@every_loss
@pytest.mark.parametrize("error", [0.0, 1e-6, 0.5, 100.0])
def test_the_gradient_is_finite(name: str, error: float):
    assert math.isfinite(slope(name, error))


def landmarks_and_target(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    predicted = torch.rand(4, 15, 2, generator=rng, requires_grad=True)
    return predicted, torch.rand(4, 15, 2, generator=rng)


@every_loss
def test_unknown_points_are_ignored(name: str):
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


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("mse", functional.mse_loss),
        ("l1", functional.l1_loss),
        ("smooth_l1", partial(functional.smooth_l1_loss, beta=0.02)),
    ],
)
def test_the_losses_equal_torchs_if_all_points_are_known(
    name: str, bare: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
):
    (predicted, target), (again, _) = landmarks_and_target(2), landmarks_and_target(2)
    loss, expected = LOSSES[name](predicted, target), bare(again, target)
    loss.backward()
    expected.backward()
    assert loss.item() == expected.item()
    assert torch.allclose(predicted.grad, again.grad, rtol=1e-6, atol=0)


@every_loss
def test_a_batch_without_known_points_has_no_loss_and_no_gradient(name: str):
    predicted, target = landmarks_and_target(3)
    loss = LOSSES[name](predicted, target * math.nan)
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad is not None
    assert (predicted.grad == 0).all()


# Three points of a contour that runs to the right, and one without a contour.
NEIGHBOURS = [(0, 1), (0, 2), (1, 2), (3, 3)]
LINE = torch.tensor([[[0.2, 0.5], [0.4, 0.5], [0.6, 0.5], [0.9, 0.9]]])


def anisotropic(name: str, weight: float, *errors: tuple[float, float]) -> float:
    loss = anisotropic_loss(ELEMENTWISE_LOSSES[name], NEIGHBOURS, tangent_weight=weight)
    return loss(LINE + torch.tensor([errors]), LINE).item()


def test_tangential_errors_count_less_than_normal_ones():
    none = (0.0, 0.0)
    assert anisotropic("l1", 0.5, (0.3, 0), none, none, none) == pytest.approx(0.3 / 8 * 2 / 3)
    assert anisotropic("l1", 0.5, (0, 0.3), none, none, none) == pytest.approx(0.3 / 8 * 4 / 3)
    for off in ((0.3, 0.0), (0.0, 0.3)):  # without a contour: as with weight 1
        assert anisotropic("l1", 0.5, none, none, none, off) == pytest.approx(0.3 / 8)


@pytest.mark.parametrize("degrees", [0, 30, 90, 200])
def test_a_rotated_face_has_the_same_anisotropic_loss(degrees: float):
    turn = math.radians(degrees)
    matrix = torch.tensor(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float32
    )
    errors = torch.tensor([[[0.1, 0.02], [-0.03, 0.2], [0.01, -0.05], [0.0, 0.0]]])
    loss = anisotropic_loss(wing, NEIGHBOURS, tangent_weight=0.3)
    expected = loss(LINE + errors, LINE)
    assert loss((LINE + errors) @ matrix.T, LINE @ matrix.T).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_x_and_y_count_equally_if_a_neighbour_is_unknown_or_at_the_same_position():
    loss = anisotropic_loss(ELEMENTWISE_LOSSES["l1"], NEIGHBOURS, tangent_weight=0.0)
    target = LINE.clone()
    target[0, 2] = math.nan
    predicted = (LINE + torch.tensor([0.0, 0.1])).requires_grad_()
    # Point 0 has both neighbours, and an error in y only; point 1 lacks one; point 2 is unknown.
    assert loss(predicted, target).item() == pytest.approx((0.2 + 0.1 + 0.1) / 6, rel=1e-5)
    loss(predicted, target).backward()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all() and (predicted.grad[0, 2] == 0).all()
    same = LINE[:, [0, 0, 0, 3]]
    assert loss(same + 0.1, same).item() == pytest.approx(0.1)


def test_the_settings_select_the_loss_and_the_tangent_weight():
    model = RESNET
    target = torch.rand(2, 68, 2, generator=torch.Generator().manual_seed(5))
    predicted, points = target + 0.01 * torch.tensor([1.0, -2.0]), tuple(range(68))
    plain = make_loss(model, IBUG_68, points)(predicted, target)
    assert plain.item() == LOSSES["mse"](predicted, target).item()
    half = make_loss(model.model_copy(update={"tangent_weight": 0.5}), IBUG_68, points)
    assert half(predicted, target).item() != pytest.approx(plain.item())
    assert half(target, target).item() == 0
