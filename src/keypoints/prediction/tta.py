"""Test-time augmentation: predictions for several crops of a face, averaged."""

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from keypoints.config.base import Settings
from keypoints.config.params import Params
from keypoints.core.geometry import hflip_landmarks
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.predictions import LandmarkPredictions, flip_disagreement
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.models.predict import TrainedModel, predict


class TestTimeAugmentation(Settings):
    """Settings of the test-time augmentation of a model.

    Sizes of the input region are relative to the one that the network was trained on.
    """

    scales: Annotated[list[Annotated[float, Field(ge=0.5, le=2)]], Field(min_length=1)]
    flip: bool  # whether to also predict the horizontally flipped images


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
    settings, network = trained.info, trained.network.to(device)
    points = settings.points
    flipped_network = Flipped(network, flip_indices_of(points, SCHEMES[settings.scheme]))
    loaders = [
        BatchLoader(store, rows, points, batch_size=settings.model.batch_size, tta_scale=scale)
        for scale in tta.scales
    ]
    plain = [predict(network, loader, device).landmarks_photo for loader in loaders]
    flipped = [predict(flipped_network, loader, device).landmarks_photo for loader in loaders]
    plain_mean, flipped_mean = np.mean(plain, axis=0), np.mean(flipped, axis=0)
    both = np.mean(plain + flipped, axis=0)
    return LandmarkPredictions(
        landmarks_photo=both if tta.flip else plain_mean,
        mirrored_photo=both if tta.flip else flipped_mean,
        flip_disagreement=flip_disagreement(plain_mean, flipped_mean),
    )
