"""Crops of a task and made-up predictions, in the folders of the pipeline."""

from pathlib import Path

import numpy as np

from keypoints.core.predictions import LandmarkPredictions, PredictionsInfo, write_predictions
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.datasets.ibug import read_ibug
from keypoints.faces.face import split_by_hash

CROPS = Path("data/crops/wild")
FORMAT = CropFormat(32, 32, 8, colour=True, box_scale=1.3, scheme="ibug68")
INFO = PredictionsInfo("wild", "ibug", tuple(range(68)))


def prepare_wild(folder: Path, rendered_ibug: Path, format_: CropFormat = FORMAT) -> Path:
    """Write the crop store of the task `wild` below a folder, and return the folder."""
    faces = read_ibug(rendered_ibug)
    store = folder / CROPS
    store.parent.mkdir(parents=True)
    write_crops(store, rendered_ibug, faces, split_by_hash(faces, 0.1), format_)
    return folder


def write_made_up(name: str, *, bias: float = 0.0, noise: float = 0.0) -> None:
    """Write predictions of all splits: annotated landmarks with a constant and a random error, px.

    Test faces, whose landmarks are unknown, get those of the first face.
    """
    rng = np.random.default_rng(len(name))
    with CropStore(CROPS) as store:
        landmarks = store.landmarks_photo[np.arange(len(store))]
        landmarks = np.where(np.isnan(landmarks), landmarks[:1], landmarks)
        landmarks += bias + noise * rng.normal(size=landmarks.shape)
        splits = {
            split: LandmarkPredictions(landmarks[rows], landmarks[rows] + 1, np.zeros(len(rows)))
            for split in ("train", "validation", "test")
            if len(rows := store.rows(split))
        }
    write_predictions(name, INFO, splits)
