"""What a trained model says of faces: once, in boxes of several scales, and in a mirror."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from keypoints.config.models import TestTimeAugmentation
from keypoints.config.params import Params
from keypoints.core.geometry import apply_map
from keypoints.core.landmarks import IBUG_68
from keypoints.crops.cropping import write_crops
from keypoints.crops.store import CropFormat, CropStore
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import split_by_hash
from keypoints.models.predict import ModelInfo, TrainedModel
from keypoints.prediction.tta import predict_faces

CPU = torch.device("cpu")


class Blind(nn.Module):
    """Says of every image that all points lie at (0.3, 0.6) of it."""

    def forward(self, images: Tensor) -> Tensor:
        return images.new_tensor([0.3, 0.6]).expand(len(images), 68, 2)


@pytest.fixture(scope="module")
def store(rendered_ibug: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CropStore]:
    folder = tmp_path_factory.mktemp("store") / "wild"
    format_ = CropFormat(32, 32, 8, colour=True, box_scale=1.3, scheme="ibug68")
    write_crops(folder, rendered_ibug, read_ibug(rendered_ibug), split_by_hash((), 0.1), format_)
    with CropStore(folder) as opened:
        yield opened


def said(store: CropStore, params: Params, at_test: TestTimeAugmentation) -> np.ndarray:
    """Of each face, where in 0..1 of the usual input the point lies that all points lie at."""
    settings = ModelInfo(
        name="blind",
        seed=1,
        lr=0.1,
        scheme=IBUG_68.name,
        model=params.models["resnet18"],
        task=params.tasks["wild"],
    )
    trained = TrainedModel(Blind(), settings)  # type: ignore[arg-type]
    rows = store.rows("test")
    usual, _ = predict_faces(trained, store, rows, CPU)
    predictions, kept = predict_faces(trained, store, rows, CPU, at_test)
    np.testing.assert_allclose(predictions.photo_to_unit, usual.photo_to_unit, atol=1e-9)
    np.testing.assert_allclose(predictions.landmarks_photo, kept.landmarks_photo, atol=1e-3)
    return apply_map(usual.photo_to_unit, kept.landmarks_photo)[:, 0]


@pytest.mark.parametrize(
    ("at_test", "x", "y"),
    [
        (TestTimeAugmentation(), 0.3, 0.6),
        (TestTimeAugmentation(scales=[0.8]), 0.5 - 0.8 * 0.2, 0.5 + 0.8 * 0.1),
        (TestTimeAugmentation(scales=[1.5]), 0.5 - 1.5 * 0.2, 0.5 + 1.5 * 0.1),
        (TestTimeAugmentation(scales=[1.0, 0.8, 1.2]), 0.3, 0.6),
        (TestTimeAugmentation(flip=True), 0.5, 0.6),
        (TestTimeAugmentation(scales=[0.8, 1.0], flip=True), 0.5, 0.5 + 0.9 * 0.1),
    ],
)
def test_a_blind_network_says_the_same_place_of_every_box_and_mirror(
    store: CropStore, params: Params, at_test: TestTimeAugmentation, x: float, y: float
):
    np.testing.assert_allclose(said(store, params, at_test), np.full((3, 2), (x, y)), atol=1e-4)
