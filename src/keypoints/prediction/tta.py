"""What a trained model says of one side of its split, kept for whoever shows or judges it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from keypoints.config.models import TestTimeAugmentation
from keypoints.core import paths
from keypoints.core.geometry import apply_map, compose, scaling
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.models.predict import Predictions, TrainedModel, predict
from keypoints.prediction.flipped import Flipped

Array = NDArray[np.floating]
Split = Literal["validation", "test", "oof"]  # oof: the training faces, out of fold

NO_TTA = TestTimeAugmentation()


@dataclass(frozen=True)
class LandmarkPredictions:
    """Points of the faces of one side, in the order of the store's rows.

    Attributes:
        landmarks_photo: Predicted, (n_faces, n_points, 2).
        flipped_photo: The same, predicted from the mirrored images alone.
    """

    landmarks_photo: Array
    flipped_photo: Array

    def flip_disagreement(self) -> Array:
        """How far the two predictions are apart, in shares of the face's size.

        Returns:
            Mean distance of the points over the diagonal of the box around all predicted points,
            (n_faces,); in photo pixels where only one point is predicted.
        """
        distance = np.linalg.norm(self.landmarks_photo - self.flipped_photo, axis=-1).mean(axis=1)
        if self.landmarks_photo.shape[1] == 1:
            return distance
        return distance / np.linalg.norm(np.ptp(self.landmarks_photo, axis=1), axis=-1)


def predictions_file(name: str, split: Split) -> Path:
    """Where the predictions of a model lie."""
    return paths.PREDICTIONS / f"{name}_{split}.npz"


def predict_faces(
    trained: TrainedModel,
    store: CropStore,
    rows: NDArray[np.integer],
    device: torch.device,
    at_test: TestTimeAugmentation = NO_TTA,
) -> tuple[Predictions, LandmarkPredictions]:
    """Predict faces as they are and from their mirrored images, in boxes of each scale.

    Args:
        trained: A network and its settings.
        store: Of its task.
        rows: The faces.
        device: To predict on.
        at_test: The boxes, and whether what is said of the mirrored images counts; points that are
            predicted several times are averaged in pixels of the photo.

    Returns:
        The predictions, in the frame of the box as it was given, and what is kept of them.
    """
    settings = trained.settings
    network = trained.network.to(device)
    mirrored = Flipped(network, flip_indices_of(settings.points, SCHEMES[settings.scheme]))
    scales = [
        BatchLoader(
            store,
            rows,
            settings.points,
            batch_size=settings.model.batch_size,
            tta_scale=scale,
        )
        for scale in at_test.scales
    ]
    as_they_are = [predict(network, batches, device) for batches in scales]
    in_mirror = [predict(mirrored, batches, device) for batches in scales]
    counted = as_they_are + in_mirror if at_test.flip else as_they_are
    faces = LandmarkPredictions(_mean(counted), _mean(in_mirror))
    first = as_they_are[0]
    to_given = scaling(at_test.scales[0], (0.5, 0.5))
    photo_to_unit = compose(to_given, first.photo_to_unit)
    predictions = replace(
        first,
        photo_to_unit=photo_to_unit,
        landmarks_unit=apply_map(photo_to_unit, faces.landmarks_photo).astype(np.float32),
        target_unit=apply_map(to_given, first.target_unit).astype(np.float32),
    )
    return predictions, faces


def _mean(predictions: list[Predictions]) -> Array:
    return np.mean([said.landmarks_photo for said in predictions], axis=0)


def write_predictions(name: str, split: Split, faces: LandmarkPredictions) -> None:
    """Write the predictions of a model as one .npz; the same ones give the same bytes."""
    np.savez_compressed(
        paths.replace_output(predictions_file(name, split)),
        landmarks_photo=faces.landmarks_photo.astype(np.float32),
        flipped_photo=faces.flipped_photo.astype(np.float32),
    )


def read_predictions(name: str, split: Split) -> LandmarkPredictions:
    """Read what `write_predictions` wrote."""
    with np.load(predictions_file(name, split)) as file:
        return LandmarkPredictions(
            file["landmarks_photo"].astype(float), file["flipped_photo"].astype(float)
        )
