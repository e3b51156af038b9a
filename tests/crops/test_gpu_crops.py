"""BatchLoader from a GPU's memory: their images are those from the disk, whatever was drawn."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keypoints.config.models import Augment
from keypoints.crops.batches import BatchLoader
from keypoints.crops.cpu_crops import CpuCropReader
from keypoints.crops.cropping import write_crops
from keypoints.crops.gpu_crops import GpuCropReader, fits_in_memory, make_crop_reader
from keypoints.crops.store import CropFormat, CropStore
from keypoints.faces.face import Face
from keypoints.models.predict import to_input

CPU = torch.device("cpu")  # any device does the same whole numbers
N_FACES = 300  # more than are sent at once
ALL_POINTS = tuple(range(15))
NONE = Augment(translate=0, rotation=0, brightness=0, saturation=0)
EVERY_DRAW = Augment(
    translate=12,
    rotation=180,
    brightness=0.5,
    saturation=0.5,
    scale=0.5,
    gamma=1.0,
    blur=3.0,
    hflip=0.5,
    grayscale=0.3,
    erase=0.6,
    cooldown=0.0,
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
        height=48, width=64, margin=7, colour=request.param, box_scale=1.2, scheme="kaggle15"
    )
    write_crops(folder / "store", folder, faces, lambda face: "train", format_)
    with CropStore(folder / "store") as store:
        yield store


def batches(
    store: CropStore, augment: Augment | None, *, on_device: bool, **options
) -> BatchLoader:
    rows = np.array([3, 0, 299, 256, 255, 7, 8, 9])
    pixels = GpuCropReader(store, CPU) if on_device else None
    return BatchLoader(
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
        still = CpuCropReader(noise_store).images(
            np.array([0]), noise_store.format.crop_to_input()[None], None
        )
        changed += (host.images != still).any(axis=(1, 2, 3)).sum()
    assert changed >= 2


@given(st.integers(1, 1000))
def test_all_draws_together_give_the_same_pixels(noise_store: CropStore, epoch: int):
    for host, device in in_both_ways(noise_store, EVERY_DRAW, epoch):
        np.testing.assert_array_equal(host.images, device.images.numpy())
        np.testing.assert_array_equal(to_input(host, CPU).numpy(), to_input(device, CPU).numpy())


@pytest.mark.parametrize("tta_scale", [1.0, 0.8, 1.25])
def test_without_draws_any_box_has_the_same_pixels(noise_store: CropStore, tta_scale: float):
    for host, device in in_both_ways(noise_store, None, tta_scale=tta_scale):
        np.testing.assert_array_equal(host.images, device.images.numpy())


def test_a_blur_that_is_small_for_one_face_leaves_it_alone(noise_store: CropStore):
    pixels, host = GpuCropReader(noise_store, CPU), CpuCropReader(noise_store)
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
    assert fits_in_memory(100, 200) and not fits_in_memory(101, 200)
    size = noise_store.crop_bytes
    channels = noise_store.format.channels
    assert size == N_FACES * (48 + 14) * (64 + 14) * channels
    assert isinstance(make_crop_reader(CPU, noise_store), CpuCropReader)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * size - 1, 10 * size))
    assert isinstance(make_crop_reader(torch.device("cuda"), noise_store), CpuCropReader)
    assert "more than half of what is free on the GPU" in capsys.readouterr().out
