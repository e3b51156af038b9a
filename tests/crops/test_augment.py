"""Augmentation: landmarks go where their pixels go, and a draw depends on its face alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypoints.config.models import Augment
from keypoints.core.geometry import apply_map, invert
from keypoints.core.landmarks import SCHEMES
from keypoints.crops.augment import AugmentParams, apply_to_pixels, sample_params
from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.cropping import write_crops
from keypoints.crops.store import CropFormat, CropStore
from keypoints.faces.face import Face

SIZE = (48, 64)
NONE = Augment(translate=0, rotation=0, brightness=0, saturation=0)
USUAL = Augment(translate=10, rotation=10, brightness=0.2, saturation=0.1)
LARGEST = Augment(translate=24, rotation=180, brightness=1, saturation=1)

seeds, epochs = st.integers(0, 2**31), st.integers(1, 1000)
store_rows = st.lists(st.integers(0, 11), min_size=1, max_size=4)
augments = st.builds(
    Augment,
    shift=st.floats(0, 24),
    rotation=st.floats(0, 180),
    brightness=st.floats(0, 1),
    saturation=st.floats(0, 1),
    scale=st.floats(0, 0.5),
)


def draw_rows(augment: Augment, rows: list[int], *, seed: int = 1, epoch: int = 1) -> AugmentParams:
    return sample_params(augment, SIZE, seed=seed, epoch=epoch, rows=np.array(rows))


@given(st.sampled_from([USUAL, LARGEST]) | augments, seeds, epochs, store_rows)
def test_bright_dots_stay_under_their_landmarks(
    dot_store: CropStore,
    dot_near: Callable[..., np.ndarray | None],
    augment: Augment,
    seed: int,
    epoch: int,
    rows: list[int],
):
    batches = BatchLoader(
        dot_store, np.array(rows), (0, 1, 2), batch_size=4, augment=augment, seed=seed
    )
    for batch in batches.epoch(epoch):
        height, width = batch.images.shape[1:3]
        landmarks_input = batch.landmarks_unit * (width, height) - 0.5
        for image, points in zip(batch.images, landmarks_input, strict=True):
            for point in points:
                dot = dot_near(image, point)
                assert dot is None or np.abs(dot - point).max() < 0.25


@pytest.mark.parametrize("augment", [NONE, USUAL])
def test_dots_stay_in_the_picture_where_shifts_are_small(
    dot_store: CropStore, dot_near: Callable[..., np.ndarray | None], augment: Augment
):
    rows = np.arange(len(dot_store))
    (batch,) = BatchLoader(dot_store, rows, (0,), batch_size=12, augment=augment).epoch(1)
    landmarks_input = batch.landmarks_unit[:, 0] * SIZE[::-1] - 0.5
    dots = map(dot_near, batch.images, landmarks_input)
    assert sum(dot is not None for dot in dots) >= 10


def test_faces_turn_about_the_middle_of_the_input(dot_store: CropStore):
    turning = Augment(translate=0, rotation=180, brightness=0, saturation=0)
    for row in range(len(dot_store)):
        (still,) = BatchLoader(dot_store, np.array([row]), (0,), batch_size=1).epoch(1)
        (turned,) = BatchLoader(
            dot_store, np.array([row]), (0,), batch_size=1, augment=turning
        ).epoch(1)
        middle_photo = apply_map(invert(still.photo_to_unit), np.array([[(0.5, 0.5)]]))
        np.testing.assert_allclose(apply_map(turned.photo_to_unit, middle_photo), 0.5)


@given(augments, seeds, epochs)
def test_draws_stay_within_their_limits(augment: Augment, seed: int, epoch: int):
    draws = draw_rows(augment, [0, 1, 2, 3], seed=seed, epoch=epoch)
    centre = np.array([31.5, 23.5])
    moved = apply_map(draws.maps, np.tile(centre, (4, 1, 1)))[:, 0] - centre
    size = np.sqrt(np.linalg.det(draws.maps[:, :, :2]))
    cosine = draws.maps[:, 0, 0] / size
    assert np.abs(size - 1).max() <= augment.scale + 1e-9
    assert np.abs(moved).max() <= augment.translate + 1e-9
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() <= augment.rotation + 1e-5
    assert np.abs(draws.brightness - 1).max() <= augment.brightness
    assert np.abs(draws.saturation - 1).max() <= augment.saturation


def test_draws_fill_their_range_on_both_sides():
    draws = draw_rows(LARGEST, list(range(500)))
    sideways = apply_map(draws.maps, np.full((500, 1, 2), (31.5, 23.5)))[:, 0, 0] - 31.5
    for values, largest in ((sideways, 24), (draws.brightness - 1, 1), (draws.saturation - 1, 1)):
        assert values.min() < -0.9 * largest
        assert values.max() > 0.9 * largest
        assert abs(values.mean()) < 0.1 * largest


def test_kinds_are_drawn_independently_of_each_other():
    draws = draw_rows(LARGEST, list(range(500)))
    shift = apply_map(draws.maps, np.full((500, 1, 2), (31.5, 23.5)))[:, 0]
    kinds = np.stack([*shift.T, draws.brightness, draws.saturation])
    assert np.abs(np.corrcoef(kinds) - np.eye(4)).max() < 0.2


def test_no_augmentation_changes_nothing():
    draws = draw_rows(NONE, [3, 4])
    np.testing.assert_array_equal(draws.maps, np.tile(np.eye(2, 3), (2, 1, 1)))
    np.testing.assert_array_equal(draws.brightness, [1, 1])
    np.testing.assert_array_equal(draws.saturation, [1, 1])


@given(augments, seeds, epochs, st.lists(st.integers(0, 10_000), min_size=2, max_size=6))
def test_draw_does_not_depend_on_the_batch_it_is_in(
    augment: Augment, seed: int, epoch: int, rows: list[int]
):
    together = draw_rows(augment, rows, seed=seed, epoch=epoch)
    alone = draw_rows(augment, rows[-1:], seed=seed, epoch=epoch)
    np.testing.assert_array_equal(together.maps[-1], alone.maps[0])
    assert together.brightness[-1] == alone.brightness[0]
    assert together.saturation[-1] == alone.saturation[0]


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 2}, {"rows": [6]}])
def test_other_epoch_seed_or_face_draws_otherwise(other: dict):
    first = draw_rows(USUAL, [5])
    second = draw_rows(USUAL, **({"rows": [5]} | other))
    assert np.abs(first.maps - second.maps).max() > 0.01
    assert first.brightness != second.brightness
    assert first.saturation != second.saturation


def mirrored_faces(tmp_path: Path, mirror: float) -> Batch:
    """Four faces of noise with the 15 points of Kaggle's scheme, all in one batch."""
    rng = np.random.default_rng(1)
    faces = []
    for name in "abcd":
        cv2.imwrite(str(tmp_path / f"{name}.png"), rng.integers(0, 256, SIZE, np.uint8))
        faces.append(Face(name, f"{name}.png", name, None, rng.uniform(0, 48, (15, 2))))
    format_ = CropFormat(
        height=SIZE[0], width=SIZE[1], margin=0, colour=False, box_scale=None, scheme="kaggle15"
    )
    store = tmp_path / str(mirror)
    write_crops(store, tmp_path, faces, lambda face: "train", format_)
    augment = NONE.model_copy(update={"mirror": mirror})
    with CropStore(store) as opened:
        (batch,) = BatchLoader(
            opened, np.arange(4), tuple(range(15)), batch_size=4, augment=augment
        ).epoch(1)
    return batch


def test_a_mirrored_face_is_the_image_flipped_with_left_and_right_points_swapped(tmp_path: Path):
    plain, mirrored = mirrored_faces(tmp_path, 0), mirrored_faces(tmp_path, 1)
    order = plain.landmarks_unit[:, 0, 0].argsort(), mirrored.landmarks_unit[:, 1, 0].argsort()
    one, other = order[0], order[1][::-1]  # the batches may be in other orders
    np.testing.assert_array_equal(mirrored.images[other], plain.images[one][:, :, ::-1])
    twins = plain.landmarks_unit[one][:, SCHEMES["kaggle15"].flip_indices]
    np.testing.assert_allclose(mirrored.landmarks_unit[other], [1, 0] + twins * [-1, 1], atol=1e-6)


def test_a_share_of_the_faces_is_mirrored_grey_and_partly_hidden():
    augment = NONE.model_copy(update={"mirror": 0.5, "grey": 0.2, "occlusion": 0.4})
    draws = draw_rows(augment, list(range(1000)))
    x0, y0, x1, y1 = draws.hidden.T
    assert draws.mirrored.mean() == pytest.approx(0.5, abs=0.05)
    assert (draws.saturation == 0).mean() == pytest.approx(0.2, abs=0.04)
    assert (x1 > x0).mean() == pytest.approx(0.4, abs=0.05)
    assert ((x1 - x0) * (y1 - y0)).max() <= 0.45**2 * SIZE[0] * SIZE[1]
    assert (np.linalg.det(draws.maps[:, :, :2]) < 0).tolist() == draws.mirrored.tolist()


def test_gamma_keeps_black_and_white_and_changes_what_is_between():
    draws = draw_rows(NONE.model_copy(update={"gamma": 1.0}), [0, 1, 2, 3])
    for number, gamma in enumerate(draws.gamma):
        image = np.array([[0, 64, 128, 255]], np.uint8)
        apply_to_pixels(image, draws, number)
        assert image.tolist() == [[0, *(round(255 * (v / 255) ** gamma) for v in (64, 128)), 255]]


def test_blur_softens_and_what_is_hidden_has_one_colour():
    noise = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    soft, hidden = noise.copy(), noise.copy()
    draws = draw_rows(NONE.model_copy(update={"blur": 3.0, "occlusion": 1.0}), [0])
    apply_to_pixels(soft, replace(draws, hidden=np.zeros((1, 4), int)), 0)
    apply_to_pixels(hidden, replace(draws, blur=np.zeros(1)), 0)
    assert soft.std() < noise.std() / 2
    x0, y0, x1, y1 = draws.hidden[0]
    assert np.ptp(hidden[y0:y1, x0:x1], axis=(0, 1)).tolist() == [0, 0, 0]
    assert (hidden != noise).any(axis=2).sum() <= (x1 - x0) * (y1 - y0)


def test_draws_are_half_as_strong_in_the_calm_share_at_the_end():
    augment = USUAL.model_copy(update={"mirror": 0.5, "occlusion": 0.4, "calm": 0.2})
    assert augment.at_epoch(8, 10) is augment
    calm = augment.at_epoch(9, 10)
    assert (calm.translate, calm.rotation, calm.erase, calm.hflip) == (5, 5, 0.2, 0.5)
    assert NONE.at_epoch(10, 10) is NONE
