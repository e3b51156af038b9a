"""Batches from a GPU's memory: their images equal those from the disk within 2/255."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from keypoints.crops.augment import Augment, sample_params
from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.cpu_crops import CpuCropReader
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.gpu_crops import GpuCropReader, fits_in_memory, make_crop_reader
from keypoints.crops.store import CropStore
from keypoints.faces.face import Face

CPU = torch.device("cpu")
N_FACES = 300  # more than are copied at once
ALL_POINTS = tuple(range(15))
TOLERANCE = 2  # of 255
NONE = Augment(translate=0, rotation=0, brightness=0, saturation=0)
EVERY_KIND = Augment(
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
)
KINDS = {
    "translate": 12,
    "rotation": 180,
    "scale": 0.5,
    "hflip": 0.5,
    "gamma": 1.0,
    "blur": 3.0,
    "erase": 0.6,
}


@pytest.fixture(
    scope="module",
    params=[(48, 64, False), (48, 64, True), (47, 63, True), (9, 33, False)],
    ids=["grayscale", "colour", "odd size", "tiny"],
)
def noise_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CropStore]:
    """Faces of noise, on which every wrong position or weight is visible."""
    height, width, colour = request.param
    folder = tmp_path_factory.mktemp("noise")
    noise = np.random.default_rng(1).integers(0, 256, (90, 110, 3), np.uint8)
    cv2.imwrite(str(folder / "noise.png"), noise)
    box, points = (20.0, 15.0, 80.0, 60.0), np.full((15, 2), 40.0)
    faces = [Face(str(n), "noise.png", str(n), box, points + n / 100) for n in range(N_FACES)]
    format_ = CropFormat(height, width, 7, colour=colour, box_scale=1.2, scheme="kaggle15")
    write_crops(folder / "store", folder, faces, lambda face: "train", format_)
    with CropStore(folder / "store") as store:
        yield store


def both_readers(
    store: CropStore, augment: Augment | None, epoch: int = 1, **options
) -> Iterator[tuple[Batch, Batch]]:
    """Each batch with its images from the disk, and with those from the device."""
    rows = np.array([3, 0, 299, 256, 255, 7, 8, 9])
    on_cpu, on_gpu = (
        BatchLoader(
            store, rows, ALL_POINTS, batch_size=5, augment=augment, seed=1, reader=reader, **options
        )
        for reader in (CpuCropReader(store), GpuCropReader(store, CPU))
    )
    for from_disk, from_device in zip(on_cpu.epoch(epoch), on_gpu.epoch(epoch), strict=True):
        assert isinstance(from_device.images, torch.Tensor)
        assert from_device.images.dtype == torch.uint8
        np.testing.assert_array_equal(from_disk.landmarks_unit, from_device.landmarks_unit)
        yield from_disk, from_device


def difference(from_disk: Batch, from_device: Batch) -> int:
    """Largest difference of a pixel, 0..255."""
    return int(np.abs(from_disk.images.astype(int) - from_device.images.numpy()).max())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_augmentation_gives_equal_pixels(noise_store: CropStore, kind: str):
    changed = 0
    unchanged = [batch.images for batch, _ in both_readers(noise_store, NONE)]
    augmented = both_readers(noise_store, NONE.model_copy(update={kind: KINDS[kind]}))
    for plain, (from_disk, from_device) in zip(unchanged, augmented, strict=True):
        assert difference(from_disk, from_device) <= (TOLERANCE if kind == "blur" else 0)
        changed += (from_disk.images != plain).any(axis=(1, 2, 3)).sum()
    assert changed >= 2


@settings(max_examples=30)
@given(epoch=st.integers(1, 1000))
def test_all_kinds_together_give_equal_pixels(noise_store: CropStore, epoch: int):
    for from_disk, from_device in both_readers(noise_store, EVERY_KIND, epoch):
        assert difference(from_disk, from_device) <= TOLERANCE


@pytest.mark.parametrize("tta_scale", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_every_tta_scale_gives_equal_pixels(noise_store: CropStore, tta_scale: float):
    for from_disk, from_device in both_readers(noise_store, None, tta_scale=tta_scale):
        assert difference(from_disk, from_device) == 0


@pytest.mark.parametrize("input_size", [(24, 32), (31, 17), (8, 8)])
def test_smaller_inputs_have_equal_pixels(noise_store: CropStore, input_size: tuple[int, int]):
    for from_disk, from_device in both_readers(noise_store, EVERY_KIND, input_size=input_size):
        assert from_disk.images.shape[1:3] == input_size
        assert difference(from_disk, from_device) <= TOLERANCE


def test_faces_with_a_small_blur_stay_sharp(noise_store: CropStore):
    size, rows = noise_store.format.input_size, np.arange(5)
    params = sample_params(NONE, size, seed=1, epoch=1, rows=rows)
    params = replace(params, blur=np.array([0.1, 0.4, 0.0, 2.0, 0.301]))
    maps = np.tile(noise_store.format.crop_to_input(), (5, 1, 1))
    from_disk = CpuCropReader(noise_store).read(rows, maps, size, params).astype(int)
    from_device = GpuCropReader(noise_store, CPU).read(rows, maps, size, params).numpy()
    assert np.abs(from_disk - from_device).max() <= TOLERANCE
    assert (from_device[0] == from_device[2]).all()
    assert (from_device[0] != from_device[1]).any()


@pytest.mark.parametrize("blur", [5.0, 10.0])
def test_a_blur_may_be_wider_than_the_image(noise_store: CropStore, blur: float):
    for from_disk, from_device in both_readers(noise_store, NONE.model_copy(update={"blur": blur})):
        assert difference(from_disk, from_device) <= TOLERANCE


def test_crops_are_kept_in_the_memory_of_a_gpu_only_if_they_fit(
    noise_store: CropStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    assert fits_in_memory(100, 200) and not fits_in_memory(101, 200)
    size, format_ = noise_store.crops[range(N_FACES)].nbytes, noise_store.format
    assert size == N_FACES * (format_.height + 14) * (format_.width + 14) * format_.channels
    assert isinstance(make_crop_reader(CPU, noise_store), CpuCropReader)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * size - 1, 10 * size))
    assert isinstance(make_crop_reader(torch.device("cuda"), noise_store), CpuCropReader)
    assert "more than half of the GPU's free memory" in capsys.readouterr().out
