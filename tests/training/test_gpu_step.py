"""A training step reads no value from a device, so that a GPU never waits for the CPU.

Networks and batches are on torch's `meta` device, whose tensors have no values: an operation that
would synchronise a GPU fails there. Synchronisation inside of torch's own GPU kernels is not found.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_models import HEATMAP, read_task
from torch import nn
from torch.overrides import TorchFunctionMode

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
from keypoints.training.loop import FiniteLossCheck, Phase, TrainingError
from keypoints.training.losses import LOSSES, make_loss
from keypoints.training.optim import OptimSettings
from keypoints.training.trainer import TrainConfig, Trainer

META, SIZE, ALL_POINTS = torch.device("meta"), (64, 64), tuple(range(68))
EVERY_KIND = Augment(
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


class NoSynchronisation(TorchFunctionMode):
    """Fails for copies between devices that would synchronise although they read no value."""

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if function is torch.Tensor.__getitem__:
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            from_host = [part for part in parts if isinstance(part, list | np.ndarray)]
            assert not from_host, "a synchronous index"
        kwargs, name = kwargs or {}, getattr(function, "__name__", "")
        result = function(*args, **kwargs)
        if name in {"tensor", "new_tensor"}:
            assert result.device != META, "a synchronous number"
        if name == "to" and args[0].device != result.device:
            assert kwargs.get("non_blocking"), "a synchronous copy"
        return result


def make_batch() -> Batch:
    """Four faces, of which two lack a point."""
    rng = np.random.default_rng(1)
    landmarks_unit = rng.random((4, 68, 2), np.float32)
    landmarks_unit[:2, 3] = np.nan
    params = sample_params(AUGMENT, SIZE, seed=1, epoch=1, rows=np.arange(4))
    images = rng.integers(0, 256, (4, *SIZE, 3), np.uint8)
    return Batch(images, landmarks_unit, params.maps, params)


def make_trainer(optim: OptimSettings, *, with_teacher: bool = False, **changes: Any) -> Trainer:
    model = HEATMAP.model_copy(update=changes)
    task = read_task("wild").model_copy(update={"height": 64, "width": 64})
    network, teacher = (build_network(model, task, 68, seed=1) for _ in range(2))
    config = TrainConfig(
        make_loss(model, IBUG_68, ALL_POINTS),
        optim,
        device=META,
        teacher=Teacher(teacher.eval(), (96, 96), 0.5) if with_teacher else None,
    )
    return Trainer(network.to(META), config)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "mse", "heatmap_loss": None},
        {"loss": "l1", "heatmap_loss": "js_divergence"},
        {"loss": "smooth_l1", "heatmap_loss": "js_divergence"},
        {"loss": "wing", "tangent_weight": 0.5},
    ],
)
def test_a_step_does_not_synchronise(changes: dict[str, Any]):
    trainer = make_trainer(OptimSettings(weight_decay=0.02, clip_grad=1.0), **changes)
    batch = make_batch()
    with NoSynchronisation():
        loss, mse = trainer.step(batch, 3)
    assert loss.device == mse.device == META


def test_a_step_with_a_teacher_does_not_synchronise():
    trainer = make_trainer(OptimSettings(), with_teacher=True)
    with NoSynchronisation():
        trainer.step(make_batch())


def test_synchronisation_is_found():
    values = torch.ones(3, device=META)
    with pytest.raises((RuntimeError, NotImplementedError)):
        values[values > 0]
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool(values.all())
    with NoSynchronisation(), pytest.raises(AssertionError, match="a synchronous number"):
        values.new_tensor([1.0])
    with NoSynchronisation(), pytest.raises(AssertionError, match="a synchronous copy"):
        torch.ones(3).to(META)
    with NoSynchronisation(), pytest.raises(AssertionError, match="a synchronous index"):
        values[:, None][[0, 1]]
    with NoSynchronisation():
        assert to_device(np.ones(3), META).device == META


def test_losses_are_checked_together_and_the_first_bad_one_is_named():
    losses = FiniteLossCheck(every=4)
    for step, loss in enumerate([1.0, math.nan, math.inf]):
        assert losses.all_finite == (step < 2)
        losses.add(torch.tensor(loss), f"step {step}", 0.1)
    with pytest.raises(TrainingError, match="the loss is nan in step 1, at learning rate 0.1"):
        losses.add(torch.tensor(1.0), "step 3", 0.1)
    losses.check()  # nothing is pending any more
    losses.add(torch.tensor(-math.inf), "step 4", 0.1)
    with pytest.raises(TrainingError, match="the loss is -inf in step 4"):
        losses.check()


def test_pending_losses_are_checked_at_the_end_of_an_epoch(
    dot_store: CropStore, monkeypatch: pytest.MonkeyPatch
):
    pending = FiniteLossCheck(50)
    monkeypatch.setattr(loop, "FiniteLossCheck", lambda every: pending)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48 * 64, 2), nn.Unflatten(1, (1, 2)))
    batches = BatchLoader(dot_store, dot_store.rows("train"), (0,), batch_size=4)
    phase = Phase(batches, batches, 1, 1, lr=1e30)
    with pytest.raises(TrainingError, match=r"in epoch 1, step 2, at learning rate 1e\+30"):
        list(loop.train(network, [phase], TrainConfig(LOSSES["mse"])))


def test_a_batch_is_augmented_on_a_device_without_synchronising(dot_store: CropStore):
    reader = GpuCropReader(dot_store, META)
    rows = np.arange(4)
    params = sample_params(EVERY_KIND, (48, 64), seed=1, epoch=1, rows=rows)
    assert params.erased.any()
    maps = compose(params.maps, dot_store.format.crop_to_input())
    with NoSynchronisation():
        images = reader.read(rows, maps, (48, 64), params)
    assert (images.device, images.shape, images.dtype) == (META, (4, 48, 64, 1), torch.uint8)
