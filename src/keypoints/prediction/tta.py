"""Test-time augmentation: predictions for several crops of a face, averaged."""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from keypoints.config.base import Settings
from keypoints.config.params import Params
from keypoints.core.errors import PipelineError
from keypoints.core.geometry import (
    apply_map,
    compose,
    hflip_landmarks,
    invert,
    similarity_map,
    translation,
    unit_map,
)
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.predictions import LandmarkPredictions, flip_disagreement
from keypoints.core.types import Array
from keypoints.crops.batches import BatchLoader
from keypoints.crops.mean_shape import mean_shape_unit
from keypoints.crops.store import CropStore
from keypoints.models.predict import TrainedModel, predict


class TestTimeAugmentation(Settings):
    """Settings of the test-time augmentation of a model.

    Sizes of the input region are relative to the one that the network was trained on.
    """

    scales: Annotated[list[Annotated[float, Field(ge=0.5, le=2)]], Field(min_length=1)]
    flip: bool  # whether to also predict the horizontally flipped images
    second_look: bool = False  # whether to predict again, each face aligned by its first prediction

    @model_validator(mode="after")
    def _check_flip(self) -> Self:
        if self.second_look and not self.flip:
            raise ValueError("second_look needs flip: true")
        return self


Views = list[Array]  # landmarks_photo predicted at each scale, (n_faces, n_points, 2) each
NO_TTA = TestTimeAugmentation(scales=[1.0], flip=False)


def read_tta(params: Params, name: str) -> TestTimeAugmentation:
    """Read the settings of a model, or the default ones if `tta` has no entry for it."""
    key = name if name in params.names("tta") else "default"
    tta: TestTimeAugmentation = params.read(f"tta.{key}", TestTimeAugmentation)
    return tta


class Flipped(nn.Module):
    """Predicts landmarks_unit from horizontally flipped images, and flips them back."""

    def __init__(self, network: nn.Module, flip_indices: list[int]) -> None:
        super().__init__()
        self.network, self.flip_indices = network, flip_indices

    def forward(self, images: Tensor) -> Tensor:
        """Predict landmarks_unit of the unflipped images, (n, n_points, 2)."""
        return hflip_landmarks(self.network(images.flip(-1)), self.flip_indices)


def predict_faces(
    trained: TrainedModel,
    store: CropStore,
    rows: NDArray[np.integer],
    device: torch.device,
    tta: TestTimeAugmentation = NO_TTA,
) -> LandmarkPredictions:
    """Predict faces and their horizontal flips at each scale; average in photo pixels."""
    info, network = trained.info, trained.network.to(device)
    flipped_network = Flipped(network, flip_indices_of(info.points, SCHEMES[info.scheme]))

    def look(scales: Sequence[float], alignment: Array | None = None) -> tuple[Views, Views]:
        loaders = [
            BatchLoader(
                store,
                rows,
                info.points,
                batch_size=info.model.batch_size,
                tta_scale=scale,
                alignment=alignment,
            )
            for scale in scales
        ]
        plain, flipped = (
            [predict(each, loader, device).landmarks_photo for loader in loaders]
            for each in (network, flipped_network)
        )
        return plain, flipped

    if tta.second_look:
        plain, flipped = look([1.0])
        first = np.mean(plain + flipped, axis=0)
        plain, flipped = look(tta.scales, align_faces(store, rows, first, info.points))
    else:
        plain, flipped = look(tta.scales)
    plain_mean, flipped_mean = np.mean(plain, axis=0), np.mean(flipped, axis=0)
    both = np.mean(plain + flipped, axis=0)
    return LandmarkPredictions(
        landmarks_photo=both if tta.flip else plain_mean,
        mirrored_photo=both if tta.flip else flipped_mean,
        flip_disagreement=flip_disagreement(plain_mean, flipped_mean),
    )


def align_faces(
    store: CropStore,
    rows: NDArray[np.integer],
    landmarks_photo: Array,
    points: tuple[int, ...],
) -> Array:
    """Maps that turn, scale and move faces within their crops to the place of the mean shape.

    Args:
        store: Crop store with the training faces, whose mean shape counts.
        rows: Rows of the faces, (n_faces,).
        landmarks_photo: Predicted landmarks of the faces, (n_faces, n_points, 2).
        points: Indices of the points in the scheme.

    Returns:
        (n_faces, 2, 3), for the `alignment` of a BatchLoader.

    Raises:
        PipelineError: If there is only one point, which has no size and no rotation.
    """
    if len(points) == 1:
        raise PipelineError("tta: second_look needs networks that predict several points")
    format_ = store.format
    mean_unit = mean_shape_unit(store, store.rows("train"), points)
    flipped_unit = hflip_landmarks(mean_unit, flip_indices_of(points, SCHEMES[format_.scheme]))
    crop_to_unit = compose(unit_map(format_.input_size), format_.crop_to_input())
    target_crop = apply_map(invert(crop_to_unit), (mean_unit + flipped_unit) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        maps = similarity_map(apply_map(store.photo_to_crop[rows], landmarks_photo), target_crop)
    is_aligned = np.isfinite(maps).all(axis=(1, 2), keepdims=True)  # unless all points coincide
    return np.where(is_aligned, maps, translation(0, 0))
