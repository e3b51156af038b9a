"""Augmentation: landmarks move with their pixels, and the parameters depend on the face alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypoints.core.geometry import apply_map, invert
from keypoints.core.landmarks import KAGGLE_15
from keypoints.crops.augment import Augment, AugmentParams, apply_to_pixels, sample_params
from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.faces.face import Face

SIZE, N_POINTS = (48, 64), KAGGLE_15.n_points
NONE = Augment(translate=0, rotation=0, brightness=0, saturation=0)
USUAL = Augment(translate=10, rotation=10, brightness=0.2, saturation=0.1)
LARGEST = Augment(translate=24, rotation=180, brightness=1, saturation=1)

seeds, epochs = st.integers(0, 2**31), st.integers(1, 1000)
store_rows = st.lists(st.integers(0, 11), min_size=1, max_size=4)
augments = st.builds(
    Augment,
    translate=st.floats(0, 24),
    rotation=st.floats(0, 180),
    brightness=st.floats(0, 1),
    saturation=st.floats(0, 1),
    scale=st.floats(0, 0.12),  # dots of much smaller faces would overlap
)


def sample(augment: Augment, rows: list[int], *, seed: int = 1, epoch: int = 1) -> AugmentParams:
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
    loader = BatchLoader(
        dot_store, np.array(rows), (0, 1, 2), batch_size=4, augment=augment, seed=seed
    )
    for batch in loader.epoch(epoch):
        height, width = batch.images.shape[1:3]
        landmarks_input = batch.landmarks_unit * (width, height) - 0.5
        for image, points in zip(batch.images, landmarks_input, strict=True):
            for point in points:
                dot = dot_near(image, point)
                assert dot is None or np.abs(dot - point).max() < 0.25


@pytest.mark.parametrize("augment", [NONE, USUAL])
def test_dots_stay_in_the_image_if_shifts_are_small(
    dot_store: CropStore, dot_near: Callable[..., np.ndarray | None], augment: Augment
):
    rows = np.arange(len(dot_store))
    (batch,) = BatchLoader(dot_store, rows, (0,), batch_size=12, augment=augment).epoch(1)
    landmarks_input = batch.landmarks_unit[:, 0] * SIZE[::-1] - 0.5
    dots = map(dot_near, batch.images, landmarks_input)
    assert sum(dot is not None for dot in dots) >= 10


def test_rotation_is_about_the_centre_of_the_input(dot_store: CropStore):
    rotating = Augment(translate=0, rotation=180, brightness=0, saturation=0)
    for row in range(len(dot_store)):
        (upright,) = BatchLoader(dot_store, np.array([row]), (0,), batch_size=1).epoch(1)
        (rotated,) = BatchLoader(
            dot_store, np.array([row]), (0,), batch_size=1, augment=rotating
        ).epoch(1)
        centre_photo = apply_map(invert(upright.photo_to_unit), np.array([[(0.5, 0.5)]]))
        np.testing.assert_allclose(apply_map(rotated.photo_to_unit, centre_photo), 0.5)


@given(augments, seeds, epochs)
def test_parameters_stay_within_their_limits(augment: Augment, seed: int, epoch: int):
    params = sample(augment, [0, 1, 2, 3], seed=seed, epoch=epoch)
    centre = np.array([31.5, 23.5])
    moved = apply_map(params.maps, np.tile(centre, (4, 1, 1)))[:, 0] - centre
    size = np.sqrt(np.linalg.det(params.maps[:, :, :2]))
    cosine = params.maps[:, 0, 0] / size
    assert np.abs(size - 1).max() <= augment.scale + 1e-9
    assert np.abs(moved).max() <= augment.translate + 1e-9
    assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() <= augment.rotation + 1e-5
    assert np.abs(params.brightness - 1).max() <= augment.brightness
    assert np.abs(params.saturation - 1).max() <= augment.saturation


def test_parameters_fill_their_range_on_both_sides():
    params = sample(LARGEST, list(range(500)))
    sideways = apply_map(params.maps, np.full((500, 1, 2), (31.5, 23.5)))[:, 0, 0] - 31.5
    for values, largest in ((sideways, 24), (params.brightness - 1, 1), (params.saturation - 1, 1)):
        assert values.min() < -0.9 * largest
        assert values.max() > 0.9 * largest
        assert abs(values.mean()) < 0.1 * largest


def test_kinds_are_independent_of_each_other():
    params = sample(LARGEST, list(range(500)))
    shift = apply_map(params.maps, np.full((500, 1, 2), (31.5, 23.5)))[:, 0]
    kinds = np.stack([*shift.T, params.brightness, params.saturation])
    assert np.abs(np.corrcoef(kinds) - np.eye(4)).max() < 0.2


def test_no_augmentation_changes_nothing():
    params = sample(NONE, [3, 4])
    np.testing.assert_array_equal(params.maps, np.tile(np.eye(2, 3), (2, 1, 1)))
    np.testing.assert_array_equal(params.brightness, [1, 1])
    np.testing.assert_array_equal(params.saturation, [1, 1])


@given(augments, seeds, epochs, st.lists(st.integers(0, 10_000), min_size=2, max_size=6))
def test_parameters_of_a_face_do_not_depend_on_its_batch(
    augment: Augment, seed: int, epoch: int, rows: list[int]
):
    together = sample(augment, rows, seed=seed, epoch=epoch)
    alone = sample(augment, rows[-1:], seed=seed, epoch=epoch)
    np.testing.assert_array_equal(together.maps[-1], alone.maps[0])
    assert together.brightness[-1] == alone.brightness[0]
    assert together.saturation[-1] == alone.saturation[0]


@pytest.mark.parametrize("other", [{"epoch": 2}, {"seed": 2}, {"rows": [6]}])
def test_another_epoch_seed_or_face_has_other_parameters(other: dict):
    first = sample(USUAL, [5])
    second = sample(USUAL, **({"rows": [5]} | other))
    assert np.abs(first.maps - second.maps).max() > 0.01
    assert first.brightness != second.brightness
    assert first.saturation != second.saturation


def noise_faces(tmp_path: Path, hflip: float) -> Batch:
    """Four faces of noise with the points of Kaggle's scheme, all in one batch."""
    rng = np.random.default_rng(1)
    faces = []
    for name in "abcd":
        cv2.imwrite(str(tmp_path / f"{name}.png"), rng.integers(0, 256, SIZE, np.uint8))
        faces.append(Face(name, f"{name}.png", name, None, rng.uniform(0, 48, (N_POINTS, 2))))
    format_ = CropFormat(
        height=SIZE[0], width=SIZE[1], margin=0, colour=False, box_scale=None, scheme="kaggle15"
    )
    store = tmp_path / str(hflip)
    write_crops(store, tmp_path, faces, lambda face: "train", format_)
    augment = NONE.model_copy(update={"hflip": hflip})
    with CropStore(store) as opened:
        (batch,) = BatchLoader(
            opened, np.arange(4), tuple(range(N_POINTS)), batch_size=4, augment=augment
        ).epoch(1)
    return batch


def test_a_flipped_face_has_flipped_pixels_and_swapped_points(tmp_path: Path):
    plain, flipped = noise_faces(tmp_path, 0), noise_faces(tmp_path, 1)
    np.testing.assert_array_equal(flipped.images, plain.images[:, :, ::-1])
    partners = plain.landmarks_unit[:, KAGGLE_15.flip_indices]
    np.testing.assert_allclose(flipped.landmarks_unit, [1, 0] + partners * [-1, 1], atol=1e-6)


def test_probabilities_of_flips_grayscale_and_erasing():
    augment = NONE.model_copy(update={"hflip": 0.5, "grayscale": 0.2, "erase": 0.4})
    params = sample(augment, list(range(1000)))
    x0, y0, x1, y1 = params.erased.T
    assert params.flipped.mean() == pytest.approx(0.5, abs=0.05)
    assert (params.saturation == 0).mean() == pytest.approx(0.2, abs=0.04)
    assert (x1 > x0).mean() == pytest.approx(0.4, abs=0.05)
    assert ((x1 - x0) * (y1 - y0)).max() <= 0.45**2 * SIZE[0] * SIZE[1]
    assert (np.linalg.det(params.maps[:, :, :2]) < 0).tolist() == params.flipped.tolist()


def test_gamma_keeps_black_and_white_and_changes_the_values_between():
    params = sample(NONE.model_copy(update={"gamma": 1.0}), [0, 1, 2, 3])
    for number, gamma in enumerate(params.gamma):
        image = np.array([[0, 64, 128, 255]], np.uint8)
        apply_to_pixels(image, params, number)
        assert image.tolist() == [[0, *(round(255 * (v / 255) ** gamma) for v in (64, 128)), 255]]


def test_blur_smooths_and_an_erased_box_has_one_colour():
    noise = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    blurred, erased = noise.copy(), noise.copy()
    params = sample(NONE.model_copy(update={"blur": 3.0, "erase": 1.0}), [0])
    apply_to_pixels(blurred, replace(params, erased=np.zeros((1, 4), int)), 0)
    apply_to_pixels(erased, replace(params, blur=np.zeros(1)), 0)
    assert blurred.std() < noise.std() / 2
    x0, y0, x1, y1 = params.erased[0]
    assert np.ptp(erased[y0:y1, x0:x1], axis=(0, 1)).tolist() == [0, 0, 0]
    assert (erased != noise).any(axis=2).sum() <= (x1 - x0) * (y1 - y0)


def test_augmentation_is_halved_in_the_cooldown_except_for_the_flip():
    augment = USUAL.model_copy(update={"hflip": 0.5, "erase": 0.4, "cooldown": 0.2})
    assert augment.at_epoch(8, 10) is augment
    halved = augment.at_epoch(9, 10)
    assert (halved.translate, halved.rotation, halved.erase, halved.hflip) == (5, 5, 0.2, 0.5)
    assert NONE.at_epoch(10, 10) is NONE


@pytest.mark.parametrize("kind", [kind for kind in Augment.model_fields if kind != "cooldown"])
def test_every_kind_but_the_cooldown_changes_the_identity(kind: str):
    assert NONE.is_identity
    assert NONE.model_copy(update={"cooldown": 0.5}).is_identity
    assert not NONE.model_copy(update={kind: 0.5}).is_identity
