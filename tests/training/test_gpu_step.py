"""A step waits for nothing: on a GPU the next one's work is handed over while this one's is done.

Networks and batches lie on torch's `meta` device, whose tensors have no values: what asks for one,
and so would wait for a GPU, fails there. What torch itself does in a GPU's kernels is not seen.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from keypoints.config.models import ModelSettings, OptimSettings
from keypoints.config.params import read_params
from keypoints.core.devices import to_device
from keypoints.core.geometry import compose
from keypoints.core.landmarks import IBUG_68
from keypoints.crops.augment import Augment, sample_params
from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.gpu_crops import GpuCropReader
from keypoints.crops.store import CropStore
from keypoints.models.build import build_network
from keypoints.training import loop
from keypoints.training.distillation import Teacher
from keypoints.training.loop import DivergenceError, FiniteLossCheck
from keypoints.training.losses import LOSSES, make_loss
from keypoints.training.trainer import Trainer

CONTENDERS = Path(__file__).parents[2] / "contenders/params.yaml"
CPU, META, SIZE, ALL_POINTS = (
    torch.device("cpu"),
    torch.device("meta"),
    (64, 64),
    tuple(range(68)),
)
EVERY_DRAW = Augment(
    translate=3,
    rotation=20,
    brightness=0.2,
    saturation=0.2,
    scale=0.2,
    gamma=0.5,
    blur=2.0,
    hflip=0,
    erase=1.0,
)
AUGMENT = Augment(translate=2, rotation=5, brightness=0.2, saturation=0.2)


class NoWaiting(TorchFunctionMode):
    """Torch without what waits for a GPU though it asks for no value: numbers that are sent it."""

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if function is torch.Tensor.__getitem__:
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            from_host = [part for part in parts if isinstance(part, list | np.ndarray)]
            assert not from_host, "numbers that are waited for"
        kwargs, name = kwargs or {}, getattr(function, "__name__", "")
        result = function(*args, **kwargs)
        if name in {"tensor", "new_tensor"}:
            assert result.device != META, "a number that is waited for"
        if name == "to" and args[0].device != result.device:
            assert kwargs.get("non_blocking"), "a copy that is waited for"
        return result


def settings(name: str, **changes: Any) -> ModelSettings:
    model = read_params(CONTENDERS).model(name)
    return model.model_copy(update={"pretrained": False} | changes)


def a_batch(*, unknown: bool) -> Batch:
    rng = np.random.default_rng(1)
    landmarks_unit = rng.random((4, 68, 2), np.float32)
    landmarks_unit[:2, 3] = np.nan if unknown else 0.5
    params = sample_params(AUGMENT, SIZE, seed=1, epoch=1, rows=np.arange(4))
    images = rng.integers(0, 256, (4, *SIZE, 3), np.uint8)
    return Batch(images, landmarks_unit, params.maps, params)


def learner_of(model: ModelSettings, recipe: OptimSettings, *, taught: bool = False) -> Trainer:
    task = read_params(CONTENDERS).task("wild128").model_copy(update={"height": 64, "width": 64})
    network, teacher = (build_network(model, task, 68, seed=1) for _ in range(2))
    return Trainer(
        network.to(META),
        make_loss(model, IBUG_68, ALL_POINTS),
        recipe,
        META,
        teacher=Teacher(teacher.eval(), (96, 96), 0.5) if taught else None,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "mse", "heatmap_loss": None},
        {"loss": "l1", "heatmap_loss": "divergence"},
        {"loss": "smooth_l1", "heatmap_loss": "adaptive_wing"},
        {"loss": "wing", "tangent_weight": 0.5, "size_weight": 1.0},
    ],
)
def test_a_step_asks_for_no_value(changes: dict[str, Any]):
    learner = learner_of(
        settings("quick_128", **changes), OptimSettings(weight_decay=0.02, clip_grad=1.0)
    )
    batch = a_batch(unknown=True)
    with NoWaiting():
        lowered, square = learner.step(batch, 3)
    assert lowered.device == square.device == META


def test_a_step_on_a_grid_and_one_with_a_teacher_ask_for_no_value():
    for learner in (
        learner_of(settings("pip_128"), OptimSettings()),
        learner_of(settings("quick_128"), OptimSettings(), taught=True),
    ):
        with NoWaiting():
            learner.step(a_batch(unknown=True))


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
    with NoWaiting(), pytest.raises(AssertionError, match="numbers that are waited"):
        values[:, None][[0, 1]]
    with NoWaiting():
        assert to_device(np.ones(3), META).device == META


def test_losses_are_looked_at_after_some_steps_or_when_asked_and_the_first_bad_one_is_named():
    lookout = FiniteLossCheck(patience=4)
    for step, loss in enumerate([1.0, math.nan, math.inf]):
        assert lookout.all_finite == (step < 2)
        lookout.add(torch.tensor(loss), f"step {step}", 0.1)
    with pytest.raises(DivergenceError, match="the loss is nan in step 1, at learning rate 0.1"):
        lookout.add(torch.tensor(1.0), "step 3", 0.1)
    lookout.check()  # those are done with
    lookout.add(torch.tensor(-math.inf), "step 4", 0.1)
    with pytest.raises(DivergenceError, match="the loss is -inf in step 4"):
        lookout.check()


def test_a_loss_that_was_not_looked_at_yet_is_seen_at_the_end_of_its_epoch(
    dot_store: CropStore, monkeypatch: pytest.MonkeyPatch
):
    unseen = FiniteLossCheck(50)
    monkeypatch.setattr(loop, "FiniteLossCheck", lambda patience: unseen)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48 * 64, 2), nn.Unflatten(1, (1, 2)))
    rows = dot_store.rows("train")
    batches = BatchLoader(dot_store, rows, (0,), batch_size=4)
    epochs = loop.train(
        network, batches, batches, loss=LOSSES["mse"], lr=1e30, epochs=1, seed=1, device=CPU
    )
    with pytest.raises(DivergenceError, match=r"in epoch 1, step 2, at learning rate 1e\+30"):
        list(epochs)


def test_a_batch_is_made_on_a_device_without_waiting(dot_store: CropStore):
    reader = GpuCropReader(dot_store, META)
    rows = np.arange(4)
    params = sample_params(EVERY_DRAW, (48, 64), seed=1, epoch=1, rows=rows)
    assert params.erased.any()
    maps = compose(params.maps, dot_store.format.crop_to_input())
    with NoWaiting():
        images = reader.read(rows, maps, (48, 64), params)
    assert (images.device, images.shape, images.dtype) == (META, (4, 48, 64, 1), torch.uint8)
