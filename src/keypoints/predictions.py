"""What a trained model says of one side of its split, kept for whoever shows or judges it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from keypoints import layout
from keypoints.batches import Batches
from keypoints.inference import Predictions, Trained, predict
from keypoints.landmarks import SCHEMES, mirror_order_of
from keypoints.mirrored import Mirrored

Array = NDArray[np.floating]
Split = Literal["validation", "test"]

PREDICTIONS = Path("metrics/predictions")


@dataclass(frozen=True)
class PredictedFaces:
    """Points of the faces of one side, in the order of the store's rows.

    Attributes:
        landmarks_photo: Predicted, (n_faces, n_points, 2).
        mirrored_photo: The same, predicted from the mirrored images.
    """

    landmarks_photo: Array
    mirrored_photo: Array

    def disagreement(self) -> Array:
        """How far the two predictions are apart, in shares of the face's size.

        Returns:
            Mean distance of the points over the diagonal of the box around all predicted points,
            (n_faces,); in photo pixels where only one point is predicted.
        """
        distance = np.linalg.norm(self.landmarks_photo - self.mirrored_photo, axis=-1).mean(axis=1)
        if self.landmarks_photo.shape[1] == 1:
            return distance
        return distance / np.linalg.norm(np.ptp(self.landmarks_photo, axis=1), axis=-1)


def predictions_file(name: str, split: Split) -> Path:
    """Where the predictions of a model lie."""
    return PREDICTIONS / f"{name}_{split}.npz"


def predict_twice(
    trained: Trained, batches: Batches, device: torch.device
) -> tuple[Predictions, PredictedFaces]:
    """Predict all faces of the batches as they are, and from their mirrored images."""
    settings = trained.settings
    network = trained.network.to(device)
    order = mirror_order_of(settings.points, SCHEMES[settings.scheme])
    predictions = predict(network, batches, device)
    mirrored = predict(Mirrored(network, order), batches, device)
    return predictions, PredictedFaces(predictions.landmarks_photo, mirrored.landmarks_photo)


def write_predictions(name: str, split: Split, faces: PredictedFaces) -> None:
    """Write the predictions of a model as one .npz; the same ones give the same bytes."""
    np.savez_compressed(
        layout.fresh(predictions_file(name, split)),
        landmarks_photo=faces.landmarks_photo.astype(np.float32),
        mirrored_photo=faces.mirrored_photo.astype(np.float32),
    )


def read_predictions(name: str, split: Split) -> PredictedFaces:
    """Read what `write_predictions` wrote."""
    with np.load(predictions_file(name, split)) as file:
        return PredictedFaces(
            file["landmarks_photo"].astype(float), file["mirrored_photo"].astype(float)
        )
