"""Progressive resizing: phases with smaller inputs before the one at full size."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from workspace import Workspace

from keypoints.crops.augment import Augment
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.training.checkpoint import CheckpointFile
from keypoints.training.loop import Phase, train
from keypoints.training.losses import LOSSES
from keypoints.training.optim import OptimSettings
from keypoints.training.trainer import TrainConfig

AUGMENT = Augment(translate=4, rotation=5, brightness=0.2, saturation=0, cooldown=0.5)
EMA = TrainConfig(LOSSES["mse"], OptimSettings(ema=0.9, schedule="cosine"), seed=1)
SMALL, FULL = (24, 32), (48, 64)  # input sizes, px


class SizeRecorder(nn.Module):
    """A small network for any input size that records the sizes of its training inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.layers = nn.Sequential(
                nn.AdaptiveAvgPool2d((6, 8)),
                nn.Flatten(),
                nn.Linear(48, 2),
                nn.Unflatten(1, (1, 2)),
            )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.sizes.append(tuple(images.shape[-2:]))
        return self.layers(images)


def make_phase(
    store: CropStore, input_size: tuple[int, int], *, first_epoch: int, epochs: int, lr: float
) -> Phase:
    train_batches, validation_batches = (
        BatchLoader(
            store,
            store.rows(split),
            (0,),
            batch_size=4,
            augment=augment,
            epochs=epochs,
            first_epoch=first_epoch,
            seed=1,
            input_size=input_size,
        )
        for split, augment in (("train", AUGMENT), ("validation", None))
    )
    return Phase(train_batches, validation_batches, first_epoch, epochs, lr)


def test_epochs_are_counted_over_all_phases_and_each_has_its_size_and_schedule(
    dot_store: CropStore,
):
    network = SizeRecorder()
    phases = [
        make_phase(dot_store, SMALL, first_epoch=1, epochs=2, lr=0.02),
        make_phase(dot_store, FULL, first_epoch=3, epochs=3, lr=0.01),
    ]
    history = list(train(network, phases, EMA))
    assert [result.epoch for result in history] == [1, 2, 3, 4, 5]
    assert network.sizes == [SMALL] * 4 + [FULL] * 6
    rates = [result.lr for result in history]  # of each epoch's second and last step
    cosine = [
        lr * (1 + np.cos(np.pi * step / steps)) / 2
        for lr, steps in ((0.02, 4), (0.01, 6))
        for step in range(1, steps, 2)
    ]
    assert rates == pytest.approx(cosine)


def test_a_phase_continues_from_the_moving_average_like_a_new_training(dot_store: CropStore):
    both, one_by_one = SizeRecorder(), SizeRecorder()
    small = make_phase(dot_store, SMALL, first_epoch=1, epochs=2, lr=0.02)
    full = make_phase(dot_store, FULL, first_epoch=3, epochs=2, lr=0.01)
    history = list(train(both, [small, full], EMA))
    first = list(train(one_by_one, [small], EMA))
    assert [row.val_mse for row in first] == [row.val_mse for row in history[:2]]
    alone = make_phase(dot_store, FULL, first_epoch=1, epochs=2, lr=0.01)
    list(train(one_by_one, [alone], EMA))
    # Order and augmentation follow the epochs of the whole training.
    pairs = zip(both.state_dict().values(), one_by_one.state_dict().values(), strict=True)
    for weights, others in pairs:
        torch.testing.assert_close(weights, others, atol=0.02, rtol=0)
        assert not torch.equal(weights, others)


@pytest.mark.parametrize("stops_after", [1, 2, 3])
def test_a_training_that_stops_in_any_phase_continues_with_the_same_weights(
    dot_store: CropStore, tmp_path: Path, stops_after: int
):
    phases = [
        make_phase(dot_store, SMALL, first_epoch=1, epochs=2, lr=0.02),
        make_phase(dot_store, FULL, first_epoch=3, epochs=2, lr=0.01),
    ]
    whole, continued = SizeRecorder(), SizeRecorder()
    list(train(whole, phases, EMA))
    checkpoint = CheckpointFile(tmp_path / "training.state", interval=0)
    for result in train(SizeRecorder(), phases, EMA, checkpoint=checkpoint):
        if result.epoch == stops_after:
            break
    history = list(train(continued, phases, EMA, checkpoint=checkpoint))
    assert len(continued.sizes) < len(whole.sizes)
    assert [result.epoch for result in history][-1] == 4
    for weights, others in zip(
        whole.state_dict().values(), continued.state_dict().values(), strict=True
    ):
        assert torch.equal(weights, others)


def test_small_inputs_show_the_same_region_with_the_same_landmarks(dot_store: CropStore):
    small, full = (
        next(make_phase(dot_store, size, first_epoch=1, epochs=2, lr=1).train_batches.epoch(1))
        for size in (SMALL, FULL)
    )
    np.testing.assert_array_equal(small.landmarks_unit, full.landmarks_unit)
    assert small.images.shape == (4, *SMALL, 1)
    halved = full.images.reshape(4, 24, 2, 32, 2).mean(axis=(2, 4))
    assert np.abs(halved - small.images[..., 0]).mean() < 2


def test_the_cooldown_is_that_of_the_phase(dot_store: CropStore):
    phase = make_phase(dot_store, FULL, first_epoch=5, epochs=2, lr=1)
    longer = make_phase(dot_store, FULL, first_epoch=1, epochs=20, lr=1)
    for epoch, factor in ((5, 1), (6, 2)):
        params, uncooled = (
            next(each.train_batches.epoch(epoch)).augment_params for each in (phase, longer)
        )
        assert params is not None and uncooled is not None
        np.testing.assert_allclose(factor * (params.brightness - 1), uncooled.brightness - 1)


def test_smaller_sizes_for_a_network_of_one_input_size_are_an_error(workspace: Workspace):
    sizes = [{"height": 30, "epochs": 1, "lr_scale": 1.0}]
    workspace.set_params({"models.nose_net.sizes": sizes})
    output = workspace.run("python", "src/train.py", "nose_net", check=False)
    message = r"models\.nose_net\.sizes must be \[\], because the network does not accept an input "
    assert re.search(rf"error: params\.yaml: {message}of \(30, 40\) px", output)
