"""A step waits for nothing: on a GPU the next one's work is handed over while this one's is done.

Networks and batches lie on torch's `meta` device, whose tensors have no values: whatever in a step
asked for one, and so would wait for a GPU, fails there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from keypoints.crops.augment import draw
from keypoints.crops.batches import Batch
from keypoints.devices import send
from keypoints.landmarks import IBUG_68
from keypoints.models import build_network
from keypoints.settings.models import AnyModel, Augment, Recipe
from keypoints.settings.params import read_params
from keypoints.training.loop import Lookout
from keypoints.training.losses import make_loss
from keypoints.training.recipe import Learner
from keypoints.training.teaching import Teacher

CONTENDERS = Path(__file__).parent.parent / "contenders/params.yaml"
META, SIZE, ALL_POINTS = torch.device("meta"), (64, 64), tuple(range(68))
AUGMENT = Augment(shift=2, rotation=5, brightness=0.2, saturation=0.2)


class NoWaiting(TorchFunctionMode):
    """Torch without what waits for a GPU though it asks for no value: numbers that are sent it."""

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(function, "__name__", "")
        result = function(*args, **kwargs)
        if name in {"tensor", "new_tensor"}:
            assert result.device != META, "a number that is waited for"
        if name == "to" and args[0].device != result.device:
            assert kwargs.get("non_blocking"), "a copy that is waited for"
        return result


def settings(name: str, **changes: Any) -> AnyModel:
    model = read_params(CONTENDERS).model(name)
    return model.model_copy(update={"pretrained": False} | changes)


def a_batch(*, unknown: bool) -> Batch:
    rng = np.random.default_rng(1)
    landmarks_unit = rng.random((4, 68, 2), np.float32)
    landmarks_unit[:2, 3] = np.nan if unknown else 0.5
    draws = draw(AUGMENT, SIZE, seed=1, epoch=1, rows=np.arange(4))
    images = rng.integers(0, 256, (4, *SIZE, 3), np.uint8)
    return Batch(images, landmarks_unit, draws.maps, draws, sizes=np.ones(4, np.float32))


def learner_of(model: AnyModel, recipe: Recipe, *, taught: bool = False) -> Learner:
    task = read_params(CONTENDERS).task("wild128").model_copy(update={"height": 64, "width": 64})
    network, teacher = (build_network(model, task, 68, seed=1) for _ in range(2))
    return Learner(
        network.to(META),
        make_loss(model, IBUG_68, ALL_POINTS),
        recipe,
        META,
        teacher=Teacher(teacher.eval(), (96, 96), 0.5) if taught else None,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "mse", "map_loss": None},
        {"loss": "l1", "map_loss": "divergence"},
        {"loss": "smooth_l1", "map_loss": "adaptive_wing"},
        {"loss": "wing", "loss_along": 0.5, "loss_by_size": 1.0},
    ],
)
def test_a_step_asks_for_no_value(changes: dict[str, Any]):
    learner = learner_of(settings("quick_128", **changes), Recipe(weight_decay=0.02, clip=1.0))
    batch = a_batch(unknown=True)
    with NoWaiting():
        lowered, square = learner.step(batch, 3)
    assert lowered.device == square.device == META


def test_a_step_on_a_grid_and_one_with_a_teacher_ask_for_no_value():
    for learner in (
        learner_of(settings("pip_128"), Recipe()),
        learner_of(settings("quick_128"), Recipe(), taught=True),
    ):
        with NoWaiting():
            learner.step(a_batch(unknown=False))


def test_what_waits_is_found_out():
    values = torch.ones(3, device=META)
    with pytest.raises((RuntimeError, NotImplementedError)):
        values[values > 0]
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool(values.all())
    with NoWaiting(), pytest.raises(AssertionError, match="a number that is waited"):
        values.new_tensor([1.0])
    with NoWaiting(), pytest.raises(AssertionError, match="a copy that is waited"):
        torch.ones(3).to(META)
    with NoWaiting():
        assert send(np.ones(3), META).device == META


def test_on_a_gpu_losses_are_looked_at_some_steps_later():
    lookout = Lookout(META)
    for step in range(49):
        lookout.see(torch.ones((), device=META), f"step {step}", 0.1)
    with pytest.raises((RuntimeError, NotImplementedError)):  # the fiftieth: now it asks
        lookout.see(torch.ones((), device=META), "step 49", 0.1)
