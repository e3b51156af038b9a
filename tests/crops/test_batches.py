"""Batches: the order of the faces, their pixels, and the maps back to the photo."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keypoints.core.geometry import apply_map, invert, unit_map
from keypoints.crops.augment import Augment, AugmentParams, sample_params
from keypoints.crops.batches import Batch, BatchLoader, to_input
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.faces.face import Face

NONE = Augment(translate=0, rotation=0, brightness=0, saturation=0)
USUAL = Augment(translate=10, rotation=20, brightness=0.2, saturation=0.1)
ALL_POINTS = (0, 1, 2)


def training_loader(store: CropStore, *, batch_size: int = 3, seed: int = 1) -> BatchLoader:
    rows = store.rows("train")
    return BatchLoader(store, rows, ALL_POINTS, batch_size=batch_size, augment=USUAL, seed=seed)


def rows_of_epoch(store: CropStore, loader: BatchLoader, epoch: int) -> list[int]:
    """The rows of an epoch, found by their landmarks."""
    rows = []
    for batch in loader.epoch(epoch):
        points = apply_map(invert(batch.photo_to_unit), batch.landmarks_unit.astype(float))
        known = store.landmarks_photo[range(len(store))]
        distances = np.abs(points[:, None] - known[None]).max(axis=(2, 3))
        rows += distances.argmin(axis=1).tolist()
    return rows


def test_the_last_batch_has_the_remaining_faces(dot_store: CropStore):
    loader = training_loader(dot_store, batch_size=3)
    assert [len(batch.images) for batch in loader.epoch(1)] == [3, 3, 2]
    assert loader.steps == 3
    assert training_loader(dot_store, batch_size=4).steps == 2
    assert training_loader(dot_store, batch_size=100).steps == 1


def test_each_epoch_is_another_permutation(dot_store: CropStore):
    loader = training_loader(dot_store)
    orders = [rows_of_epoch(dot_store, loader, epoch) for epoch in (1, 2, 3)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_order_depends_on_seed_and_epoch_only(dot_store: CropStore):
    order = rows_of_epoch(dot_store, training_loader(dot_store, batch_size=3), 5)
    assert rows_of_epoch(dot_store, training_loader(dot_store, batch_size=8), 5) == order
    assert rows_of_epoch(dot_store, training_loader(dot_store, seed=2), 5) != order


def test_a_face_does_not_depend_on_the_batch_size(dot_store: CropStore):
    small = list(training_loader(dot_store, batch_size=1).epoch(4))
    (large,) = training_loader(dot_store, batch_size=8).epoch(4)
    for number, batch in enumerate(small):
        np.testing.assert_array_equal(batch.images[0], large.images[number])
        np.testing.assert_array_equal(batch.landmarks_unit[0], large.landmarks_unit[number])


def test_an_epoch_can_be_repeated(dot_store: CropStore):
    loader = training_loader(dot_store)
    first, again, other = (list(loader.epoch(epoch)) for epoch in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.images, two.images)
    assert any((one.images != two.images).any() for one, two in zip(first, other, strict=True))


def test_an_epoch_can_be_left_before_its_end(dot_store: CropStore):
    loader = training_loader(dot_store, batch_size=1)
    assert next(loader.epoch(1)).images.shape == (1, 48, 64, 1)


def test_batches_without_augmentation_keep_the_order_of_the_rows(dot_store: CropStore):
    rows = np.array([11, 3, 7, 0, 9])
    loader = BatchLoader(dot_store, rows, ALL_POINTS, batch_size=2)
    assert rows_of_epoch(dot_store, loader, 0) == rows.tolist()
    assert all(batch.augment_params is None for batch in loader.epoch())


@pytest.mark.parametrize("augment", [None, NONE])
def test_images_without_augmentation_are_the_centres_of_the_crops(
    dot_store: CropStore, augment: Augment | None
):
    rows = np.array([8])
    (batch,) = BatchLoader(dot_store, rows, ALL_POINTS, batch_size=1, augment=augment).epoch(1)
    np.testing.assert_array_equal(batch.images[0], dot_store.crops[8][10:-10, 10:-10])


def test_colour_images_are_the_middle_of_the_crops(tmp_path: Path):
    photo = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert cv2.imwrite(str(tmp_path / "a.png"), photo)
    face = Face("a", "a.png", "a", (5, 5, 25, 25), np.zeros((2, 2)))
    format_ = CropFormat(16, 24, 4, colour=True, box_scale=1.2, scheme="ibug68")
    write_crops(tmp_path / "store", tmp_path, [face], lambda face: "train", format_)
    with CropStore(tmp_path / "store") as store:
        (batch,) = BatchLoader(store, np.array([0]), (0,), batch_size=1).epoch()
        np.testing.assert_array_equal(batch.images[0], store.crops[0][4:-4, 4:-4])


@given(st.integers(0, 2**31), st.integers(1, 99), st.booleans())
def test_way_back_leads_to_the_landmarks_of_the_photo(
    dot_store: CropStore, seed: int, epoch: int, is_augmented: bool
):
    rows = np.arange(12)
    loader = BatchLoader(
        dot_store,
        rows,
        ALL_POINTS,
        batch_size=12,
        augment=USUAL if is_augmented else None,
        seed=seed,
    )
    (batch,) = loader.epoch(epoch)
    back = apply_map(invert(batch.photo_to_unit), batch.landmarks_unit.astype(float))
    known = dot_store.landmarks_photo[range(len(dot_store))]
    order = [np.abs(known - face).max(axis=(1, 2)).argmin() for face in back]
    assert sorted(order) == rows.tolist()
    np.testing.assert_allclose(back, known[order], atol=1e-3)


def test_unit_coordinates_run_from_0_to_1_across_the_input(dot_store: CropStore):
    (batch,) = BatchLoader(dot_store, np.array([8]), (0,), batch_size=1).epoch()
    corners = np.array([[(-0.5, -0.5), (63.5, 47.5)]])  # of an input of 48 x 64 px
    x0, y0, x1, y1 = dot_store.faces(np.array([8]))[["x0", "y0", "x1", "y1"]].to_numpy(float)[0]
    corners_photo = apply_map(invert(batch.photo_to_unit), np.array([[(0.0, 0.0), (1.0, 1.0)]]))
    from_crop = apply_map(invert(dot_store.photo_to_crop[8]), corners + 10)
    np.testing.assert_allclose(corners_photo, from_crop)
    # the given box, 1.3 times as large down, about its centre, rounded to whole pixels
    half = 1.3 * max(x1 - x0, y1 - y0) / 2
    expected_y = (y0 + y1) / 2 + np.array([-half, half]) - 0.5
    np.testing.assert_allclose(corners_photo[0, :, 1], expected_y, atol=1.5)


def test_batches_have_the_selected_points_only(dot_store: CropStore):
    rows = dot_store.rows("validation")
    (every,) = BatchLoader(dot_store, rows, ALL_POINTS, batch_size=4).epoch()
    (some,) = BatchLoader(dot_store, rows, (2, 0), batch_size=4).epoch()
    np.testing.assert_array_equal(some.landmarks_unit, every.landmarks_unit[:, [2, 0]])
    assert some.landmarks_unit.dtype == np.float32


def coloured(brightness: list[float], saturation: list[float]) -> AugmentParams:
    """Parameters that change nothing but colours, one number per face."""
    rows = np.arange(len(brightness))
    nothing = sample_params(NONE, (2, 2), seed=1, epoch=1, rows=rows)
    return replace(nothing, brightness=np.array(brightness), saturation=np.array(saturation))


def coloured_batch(pixel: tuple[int, ...], brightness: float, saturation: float) -> Batch:
    params = coloured([brightness], [saturation])
    images = np.full((1, 2, 2, len(pixel)), pixel, np.uint8)
    return Batch(images, np.zeros((1, 1, 2), np.float32), np.eye(2, 3)[None], params)


def input_pixel(batch: Batch) -> list[float]:
    return to_input(batch, torch.device("cpu"))[0, :, 1, 1].tolist()


@pytest.mark.parametrize(
    ("pixel", "brightness", "saturation", "expected"),
    [
        pytest.param((51, 102, 204), 1, 1, (0.2, 0.4, 0.8), id="factors of one"),
        pytest.param((51,), 1, 1, (0.2,), id="factors of one on gray"),
        pytest.param((51, 102, 204), 0.5, 1, (0.1, 0.2, 0.4), id="half as bright"),
        pytest.param((51,), 1.5, 1, (0.3,), id="brighter gray"),
        pytest.param((51,), 1, 0, (0.2,), id="gray has no saturation"),
        pytest.param((51, 102, 204), 2, 1, (0.4, 0.8, 1.0), id="brightness ends at one"),
        # luma: 0.299 x 0.2 + 0.587 x 0.4 + 0.114 x 0.8 = 0.3858
        pytest.param((51, 102, 204), 1, 0, (0.3858,) * 3, id="no saturation is gray"),
        pytest.param((51, 102, 204), 1, 0.5, (0.2929, 0.3929, 0.5929), id="half as colourful"),
        pytest.param((51, 102, 204), 1, 2, (0.0142, 0.4142, 1.0), id="saturation ends at one"),
        pytest.param((204,), 2, 1, (1.0,), id="brightness of gray ends at one"),
        # (0.4, 0.8, 1) has a luma of 0.7032: brightness comes first, and ends at one by itself
        pytest.param((51, 102, 204), 2, 0.5, (0.5516, 0.7516, 0.8516), id="both"),
        pytest.param((0, 102, 204), 1, 2, (0.0, 0.474, 1.0), id="saturation ends at zero"),
        pytest.param((51, 102, 204), 0, 1, (0, 0, 0), id="no brightness is black"),
    ],
)
def test_colours_change_by_their_factors(
    pixel: tuple[int, ...], brightness: float, saturation: float, expected: tuple[float, ...]
):
    batch = coloured_batch(pixel, brightness, saturation)
    assert input_pixel(batch) == pytest.approx(expected, abs=1e-6)


def test_factors_of_one_change_no_pixel():
    images = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    plain = Batch(images, np.zeros((1, 1, 2), np.float32), np.eye(2, 3)[None], None)
    params = coloured([1], [1])
    changed = Batch(images, plain.landmarks_unit, plain.photo_to_unit, params)
    device = torch.device("cpu")
    assert torch.equal(to_input(plain, device), to_input(changed, device))


def test_each_face_has_its_own_colours_and_the_batch_stays_unchanged(dot_store: CropStore):
    images = np.full((2, 4, 4, 3), 100, np.uint8)
    params = coloured([0.5, 2], [1, 1])
    batch = Batch(images, np.zeros((2, 1, 2), np.float32), params.maps, params)
    inputs = to_input(batch, torch.device("cpu"))
    assert inputs[0, 0, 0, 0].item() == pytest.approx(50 / 255)
    assert inputs[1, 0, 0, 0].item() == pytest.approx(200 / 255)
    assert (images == 100).all()


def test_the_input_is_channels_last(dot_store: CropStore):
    (batch,) = BatchLoader(dot_store, np.arange(4), (0,), batch_size=4).epoch()
    inputs = to_input(batch, torch.device("cpu"))
    assert inputs.shape == (4, 1, 48, 64)
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("tta_scale", [0.8, 1.25])
def test_dots_stay_under_their_landmarks_at_every_tta_scale(
    dot_store: CropStore, dot_near: Callable[..., np.ndarray | None], tta_scale: float
):
    rows = np.arange(12)
    loader = BatchLoader(dot_store, rows, ALL_POINTS, batch_size=12, tta_scale=tta_scale)
    (batch,) = loader.epoch()
    (usual,) = BatchLoader(dot_store, rows, ALL_POINTS, batch_size=12).epoch()
    np.testing.assert_allclose(
        batch.landmarks_unit - 0.5, (usual.landmarks_unit - 0.5) / tta_scale, atol=1e-6
    )
    points = apply_map(invert(unit_map((48, 64))), batch.landmarks_unit.astype(float))
    found = [
        (dot_near(image[..., 0], point), point)
        for image, face in zip(batch.images, points, strict=True)
        for point in face
    ]
    seen = [np.abs(dot - point).max() for dot, point in found if dot is not None]
    assert len(seen) > 12
    assert max(seen) < 0.7


def one_batch(store: CropStore, **options) -> Batch:
    """All faces in one batch."""
    rows = np.arange(len(store))
    (batch,) = BatchLoader(store, rows, ALL_POINTS, batch_size=len(rows), **options).epoch(1)
    return batch


@pytest.mark.parametrize("augment", [None, USUAL])
def test_dots_stay_under_their_landmarks_in_smaller_inputs(
    dot_store: CropStore, dot_near: Callable[..., np.ndarray | None], augment: Augment | None
):
    input_size = (36, 47)
    small, full = (
        one_batch(dot_store, augment=augment, input_size=size) for size in (input_size, None)
    )
    np.testing.assert_array_equal(small.landmarks_unit, full.landmarks_unit)
    np.testing.assert_array_equal(small.photo_to_unit, full.photo_to_unit)
    assert small.images.shape == (12, *input_size, 1)
    points = apply_map(invert(unit_map(input_size)), small.landmarks_unit.astype(float))
    found = [
        (dot_near(image[..., 0], point, 5), point)
        for image, face in zip(small.images, points, strict=True)
        for point in face
    ]
    errors = [np.abs(dot - point).max() for dot, point in found if dot is not None]
    assert len(errors) > 12
    assert max(errors) < 0.7


def test_the_erased_box_of_a_smaller_input_covers_the_same_part_of_it():
    erasing = NONE.model_copy(update={"erase": 1.0})
    rows = np.arange(20)
    full, half = (
        sample_params(erasing, (48, 64), seed=1, epoch=1, rows=rows, input_size=size)
        for size in (None, (24, 32))
    )
    assert np.abs(half.erased - full.erased / 2).max() <= 1


def test_the_task_size_as_input_size_changes_nothing(dot_store: CropStore):
    batches = [one_batch(dot_store, augment=USUAL, input_size=size) for size in (None, (48, 64))]
    np.testing.assert_array_equal(batches[0].images, batches[1].images)


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_processes_share_each_batch(dot_store: CropStore, world_size: int):
    rows = dot_store.rows("train")
    load = partial(BatchLoader, dot_store, rows, ALL_POINTS, batch_size=3, augment=USUAL)
    shards = [load(rank=rank, world_size=world_size).epoch(1) for rank in range(world_size)]
    for batch, *parts in zip(load().epoch(1), *shards, strict=True):
        n_faces = len(batch.images)
        assert np.mean([part.weight for part in parts]) == pytest.approx(1)
        for rank, part in enumerate(parts):
            if rank < n_faces:
                np.testing.assert_array_equal(part.images, batch.images[rank::world_size])
            else:
                np.testing.assert_array_equal(part.images, batch.images[:1])
                assert part.weight == 0
