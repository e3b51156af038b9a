"""Test-time augmentation: scales, flips, and the settings of a model."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from keypoints.config.params import Params, read_params
from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map, compose, hflip_landmarks, unit_map
from keypoints.core.landmarks import IBUG_68, IMM_58, flip_indices_of
from keypoints.core.types import Array
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat, Task
from keypoints.crops.mean_shape import mean_shape_unit
from keypoints.crops.store import CropStore
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import split_by_hash
from keypoints.models.build import read_model_settings
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.predict import TrainedModel
from keypoints.prediction.tta import NO_TTA, Flipped, align_faces, predict_faces, read_tta
from keypoints.prediction.tta import TestTimeAugmentation as Tta  # a name that is no test

CPU = torch.device("cpu")
FORMAT = CropFormat(32, 32, 8, colour=True, box_scale=1.3, scheme="ibug68")


class Constant(nn.Module):
    """Predicts all points at (0.3, 0.6) of every image."""

    def forward(self, images: Tensor) -> Tensor:
        return images.new_tensor([0.3, 0.6]).expand(len(images), 68, 2)


class Shrunk(nn.Module):
    """Predicts a shape at 0.8 of its size and a twentieth of the height too low."""

    def __init__(self, shape_unit: Array) -> None:
        super().__init__()
        self.landmarks_unit = torch.tensor(shrink(shape_unit), dtype=torch.float32)

    def forward(self, images: Tensor) -> Tensor:
        return self.landmarks_unit.expand(len(images), 68, 2)


def shrink(shape_unit: Array) -> Array:
    return 0.8 * (shape_unit - 0.5) + (0.5, 0.55)


class Brightest(nn.Module):
    """Predicts two points, a tenth of the width to the left and right of the brightest pixel."""

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        place = images.flatten(1).argmax(dim=1)
        x, y = (place % width + 0.5) / width, (place // width + 0.5) / height
        return torch.stack([torch.stack([x - 0.1, y], -1), torch.stack([x + 0.1, y], -1)], 1)


@pytest.fixture(scope="module")
def store(rendered_ibug: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CropStore]:
    folder = tmp_path_factory.mktemp("store") / "wild"
    faces = read_ibug(rendered_ibug)
    write_crops(folder, rendered_ibug, faces, split_by_hash(faces, 0.1), FORMAT)
    with CropStore(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def constant_model(params: Params) -> TrainedModel:
    settings = ModelInfo(
        name="constant",
        seed=1,
        lr=0.1,
        scheme=IBUG_68.name,
        model=read_model_settings(params, "resnet18"),
        task=params.entry("tasks", "wild", Task),
    )
    return TrainedModel(Constant(), settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tta", "x", "y"),
    [
        (NO_TTA, 0.3, 0.6),
        (Tta(scales=[0.8], flip=False), 0.5 - 0.8 * 0.2, 0.5 + 0.8 * 0.1),
        (Tta(scales=[1.5], flip=False), 0.5 - 1.5 * 0.2, 0.5 + 1.5 * 0.1),
        (Tta(scales=[1.0, 0.8, 1.2], flip=False), 0.3, 0.6),
        (Tta(scales=[1.0], flip=True), 0.5, 0.6),
        (Tta(scales=[0.8, 1.0], flip=True), 0.5, 0.5 + 0.9 * 0.1),
    ],
)
def test_predictions_are_averaged_over_scales_and_flips_in_the_photo(
    store: CropStore, constant_model: TrainedModel, tta: Tta, x: float, y: float
) -> None:
    rows = store.rows("test")
    faces = predict_faces(constant_model, store, rows, CPU, tta)
    photo_to_input = compose(FORMAT.crop_to_input(), store.photo_to_crop[rows])
    photo_to_unit = compose(unit_map(FORMAT.input_size), photo_to_input)
    predicted_unit = apply_map(photo_to_unit, faces.landmarks_photo)
    np.testing.assert_allclose(predicted_unit, np.full((3, 68, 2), (x, y)), atol=1e-4)
    mirrored_unit = apply_map(photo_to_unit, faces.mirrored_photo)
    mirrored_x = x if tta.flip else 0.5 + 0.2 * np.mean(tta.scales)
    np.testing.assert_allclose(mirrored_unit[..., 0], mirrored_x, atol=1e-4)
    assert (faces.flip_disagreement > 0.01).all()


def test_a_second_look_is_in_the_frame_of_the_first_prediction(
    store: CropStore, constant_model: TrainedModel
) -> None:
    mean_unit = mean_shape_unit(store, store.rows("train"), tuple(range(68)))
    flip_indices = flip_indices_of(tuple(range(68)), IBUG_68)
    symmetric_unit = (mean_unit + hflip_landmarks(mean_unit, flip_indices)) / 2
    model = replace(constant_model, network=Shrunk(symmetric_unit))  # type: ignore[arg-type]
    rows = store.rows("test")
    photo_to_input = compose(FORMAT.crop_to_input(), store.photo_to_crop[rows])
    photo_to_unit = compose(unit_map(FORMAT.input_size), photo_to_input)
    expected = shrink(symmetric_unit)
    for second_look in (False, True):
        tta = Tta(scales=[1.0], flip=True, second_look=second_look)
        faces = predict_faces(model, store, rows, CPU, tta)
        predicted_unit = apply_map(photo_to_unit, faces.landmarks_photo)
        np.testing.assert_allclose(
            predicted_unit, np.broadcast_to(expected, predicted_unit.shape), atol=1e-4
        )
        np.testing.assert_array_equal(faces.mirrored_photo, faces.landmarks_photo)
        expected = shrink(expected)  # the aligned face is predicted as wrongly as the given one


def test_faces_whose_points_coincide_are_looked_at_again_as_they_are(
    store: CropStore, constant_model: TrainedModel
) -> None:
    rows = store.rows("test")
    once, twice = (
        predict_faces(constant_model, store, rows, CPU, Tta(scales=[1.0], flip=True, second_look=x))
        for x in (False, True)
    )
    np.testing.assert_allclose(twice.landmarks_photo, once.landmarks_photo)


def test_aligned_faces_are_upright_centred_and_of_one_size(store: CropStore) -> None:
    rows, points = store.rows("train"), tuple(range(68))
    landmarks_photo = store.landmarks_photo[rows]
    maps = align_faces(store, rows, landmarks_photo, points)
    aligned = apply_map(maps, apply_map(store.photo_to_crop[rows], landmarks_photo))
    centres = aligned.mean(axis=1)
    np.testing.assert_allclose(centres, np.broadcast_to(centres[0], centres.shape))
    sizes = np.linalg.norm(aligned - centres[:, None], axis=-1).mean(axis=1)
    assert sizes.std() / sizes.mean() < 0.05
    eyes = aligned[:, 45] - aligned[:, 36]
    assert np.degrees(np.abs(np.arctan2(eyes[:, 1], eyes[:, 0]))).max() < 10


def test_a_second_look_needs_flips_and_several_points(store: CropStore) -> None:
    with pytest.raises(ValidationError, match="second_look needs flip: true"):
        Tta(scales=[1.0], flip=False, second_look=True)
    rows = store.rows("test")
    with pytest.raises(PipelineError, match="needs networks that predict several points"):
        align_faces(store, rows, np.zeros((len(rows), 1, 2)), (30,))


def test_a_model_that_tta_does_not_name_has_the_default(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        "tta:\n"
        "  default:\n    scales: [1.0]\n    flip: false\n"
        "  net:\n    scales: [0.9, 1.1]\n    flip: true\n"
    )
    params = read_params(path)
    assert read_tta(params, "net") == Tta(scales=[0.9, 1.1], flip=True)
    assert read_tta(params, "other") == NO_TTA


def image_of_a_dot(column: int, row: int) -> Tensor:
    image = torch.zeros(1, 1, 6, 10)
    image[0, 0, row, column] = 1
    return image


def test_a_symmetric_network_predicts_the_same_from_the_flipped_image() -> None:
    image = image_of_a_dot(2, 4)
    plain = Brightest()(image)
    assert torch.allclose(Flipped(Brightest(), [1, 0])(image), plain)
    assert plain[0, 0].tolist() == pytest.approx([0.15, 0.75])


def test_without_the_swap_left_and_right_points_are_exchanged() -> None:
    image = image_of_a_dot(2, 4)
    swapped = Flipped(Brightest(), [0, 1])(image)
    assert torch.allclose(swapped, Brightest()(image)[:, [1, 0]])


@pytest.mark.parametrize("scheme", [IMM_58, IBUG_68])
def test_flip_indices_of_all_points_are_those_of_the_scheme(scheme) -> None:
    every = tuple(range(scheme.n_points))
    assert flip_indices_of(every, scheme) == scheme.flip_indices.tolist()
    assert flip_indices_of((scheme.nose_tip,), scheme) == [0]


def test_a_point_without_its_flip_partner_is_an_error() -> None:
    with pytest.raises(ValueError):
        flip_indices_of((36,), IBUG_68)
