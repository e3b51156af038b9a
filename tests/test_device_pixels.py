"""Batches from a GPU's memory: their images are those from the disk, whatever was drawn."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keypoints.crops.batches import Batches
from keypoints.crops.cutting import write_store
from keypoints.crops.device_pixels import DevicePixels, has_room, pixels_on
from keypoints.crops.pixels import HostPixels
from keypoints.crops.store import CropFormat, CropStore
from keypoints.faces import Face
from keypoints.inference import input_of
from keypoints.settings.models import Augment

CPU = torch.device("cpu")  # any device does the same whole numbers
N_FACES = 300  # more than are sent at once
ALL_POINTS = tuple(range(15))
NONE = Augment(shift=0, rotation=0, brightness=0, saturation=0)
EVERY_DRAW = Augment(
    shift=12,
    rotation=180,
    brightness=0.5,
    saturation=0.5,
    scale=0.5,
    gamma=1.0,
    blur=3.0,
    mirror=0.5,
    grey=0.3,
    occlusion=0.6,
    calm=0.0,
)
KINDS = [
    {"shift": 12},
    {"rotation": 180},
    {"scale": 0.5},
    {"mirror": 0.5},
    {"gamma": 1.0},
    {"blur": 3.0},
    {"occlusion": 0.6},
]


@pytest.fixture(scope="module", params=[False, True], ids=["grey", "colour"])
def noise_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Faces of noise, in which a wrong place or weight shows at once."""
    folder = tmp_path_factory.mktemp("noise")
    noise = np.random.default_rng(1).integers(0, 256, (90, 110, 3), np.uint8)
    cv2.imwrite(str(folder / "noise.png"), noise)
    box, points = (20.0, 15.0, 80.0, 60.0), np.full((15, 2), 40.0)
    faces = [Face(str(n), "noise.png", str(n), box, points + n / 100) for n in range(N_FACES)]
    format_ = CropFormat(
        height=48, width=64, margin=7, colour=request.param, enlarge=1.2, scheme="kaggle15"
    )
    write_store(folder / "store", folder, faces, lambda face: "train", format_)
    with CropStore(folder / "store") as store:
        yield store


def batches(store: CropStore, augment: Augment | None, *, on_device: bool, **options) -> Batches:
    rows = np.array([3, 0, 299, 256, 255, 7, 8, 9])
    pixels = DevicePixels(store, CPU) if on_device else None
    return Batches(
        store, rows, ALL_POINTS, batch_size=5, augment=augment, seed=1, pixels=pixels, **options
    )


def in_both_ways(store: CropStore, augment: Augment | None, epoch: int = 1, **options):
    """Each batch with its images from the disk, and its images from the device."""
    for host, device in zip(
        batches(store, augment, on_device=False, **options).epoch(epoch),
        batches(store, augment, on_device=True, **options).epoch(epoch),
        strict=True,
    ):
        assert isinstance(device.images, torch.Tensor)
        assert device.images.dtype == torch.uint8
        np.testing.assert_array_equal(host.landmarks_unit, device.landmarks_unit)
        yield host, device


@pytest.mark.parametrize("change", KINDS, ids=lambda change: next(iter(change)))
def test_each_kind_of_draw_gives_the_same_pixels(noise_store: CropStore, change: dict):
    changed = 0
    for host, device in in_both_ways(noise_store, NONE.model_copy(update=change)):
        np.testing.assert_array_equal(host.images, device.images.numpy())
        still = HostPixels(noise_store).images(
            np.array([0]), noise_store.format.crop_to_input()[None], None
        )
        changed += (host.images != still).any(axis=(1, 2, 3)).sum()
    assert changed >= 2


@given(st.integers(1, 1000))
def test_all_draws_together_give_the_same_pixels(noise_store: CropStore, epoch: int):
    for host, device in in_both_ways(noise_store, EVERY_DRAW, epoch):
        np.testing.assert_array_equal(host.images, device.images.numpy())
        np.testing.assert_array_equal(input_of(host, CPU).numpy(), input_of(device, CPU).numpy())


@pytest.mark.parametrize("box_scale", [1.0, 0.8, 1.25])
def test_without_draws_any_box_has_the_same_pixels(noise_store: CropStore, box_scale: float):
    for host, device in in_both_ways(noise_store, None, box_scale=box_scale):
        np.testing.assert_array_equal(host.images, device.images.numpy())


def test_a_blur_that_is_small_for_one_face_leaves_it_alone(noise_store: CropStore):
    pixels, host = DevicePixels(noise_store, CPU), HostPixels(noise_store)
    (batch, _), *_ = in_both_ways(noise_store, NONE.model_copy(update={"shift": 1}))
    assert batch.draws is not None
    draws = replace(batch.draws, blur=np.array([0.1, 0.4, 0.0, 2.0, 0.301]))
    rows, maps = np.arange(5), np.tile(noise_store.format.crop_to_input(), (5, 1, 1))
    expected = host.images(rows, maps, draws)
    np.testing.assert_array_equal(expected, pixels.images(rows, maps, draws).numpy())
    assert (expected[0] == expected[2]).all()
    assert (expected[0] != expected[1]).any()


@pytest.mark.parametrize("blur", [5.0, 10.0])
def test_a_blur_may_reach_beyond_the_image(noise_store: CropStore, blur: float):
    for host, device in in_both_ways(noise_store, NONE.model_copy(update={"blur": blur})):
        np.testing.assert_array_equal(host.images, device.images.numpy())


def test_only_a_gpu_with_room_has_the_store_in_its_memory(
    noise_store: CropStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    assert has_room(100, 200) and not has_room(101, 200)
    size = noise_store.crop_bytes
    channels = noise_store.format.channels
    assert size == N_FACES * (48 + 14) * (64 + 14) * channels
    assert isinstance(pixels_on(CPU, noise_store), HostPixels)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * size - 1, 10 * size))
    assert isinstance(pixels_on(torch.device("cuda"), noise_store), HostPixels)
    assert "more than half of what is free on the GPU" in capsys.readouterr().out
