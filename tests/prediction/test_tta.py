"""Test-time augmentation: scales, flips, and the settings of a model."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from keypoints.config.params import Params, read_params
from keypoints.core.geometry import apply_map, compose, unit_map
from keypoints.core.landmarks import IBUG_68, IMM_58, flip_indices_of
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat, Task
from keypoints.crops.store import CropStore
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import split_by_hash
from keypoints.models.build import read_model_settings
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.predict import TrainedModel
from keypoints.prediction.tta import NO_TTA, Flipped, predict_faces, read_tta
from keypoints.prediction.tta import TestTimeAugmentation as Tta  # a name that is no test

CPU = torch.device("cpu")
FORMAT = CropFormat(32, 32, 8, colour=True, box_scale=1.3, scheme="ibug68")


class Constant(nn.Module):
    """Predicts all points at (0.3, 0.6) of every image."""

    def forward(self, images: Tensor) -> Tensor:
        return images.new_tensor([0.3, 0.6]).expand(len(images), 68, 2)


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
