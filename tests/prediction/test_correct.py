"""`src/correct.py`: what a correction learns from, and what it is applied to."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from predicted import CROPS, write_made_up

from correct import correct
from keypoints.config.messages import SettingsError
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import (
    LandmarkPredictions,
    PredictionsInfo,
    predicted_splits,
    read_info,
    read_predictions,
    write_predictions,
)

SETTINGS = (
    "corrections:\n  net:\n    task: {task}\n    learn_from: data/predictions/{source}/train.npz\n"
)


@pytest.fixture
def settings(pipeline: Path) -> Callable[..., None]:
    def write(task: str = "wild", source: str = "net") -> None:
        Path("params.yaml").write_text(SETTINGS.format(task=task, source=source))

    return write


@pytest.mark.parametrize("source", ["net", "net_folds"])
def test_errors_of_the_training_faces_are_removed_from_the_other_splits(
    settings: Callable[..., None], source: str
):
    settings(source=source)
    write_made_up("net", noise=0.1)
    chin = read_predictions("net", "validation").landmarks_photo[:, 8, 1]
    _lower_chins("net", 20)
    if source == "net_folds":
        write_made_up("net_folds", noise=0.1)
        _lower_chins("net_folds", 20)
    correct("net")
    assert predicted_splits("net_corrected") == ["validation", "test"]
    assert read_info("net_corrected") == read_info("net")
    corrected = read_predictions("net_corrected", "validation")
    assert np.abs(corrected.landmarks_photo[:, 8, 1] - chin).mean() < 10
    assert np.abs(corrected.mirrored_photo[:, 8, 1] - 1 - chin).mean() < 10


def test_mirror_twins_are_corrected_in_the_frame_of_their_originals(
    settings: Callable[..., None], pipeline: Path
):
    settings()
    _own_crops(pipeline)
    table = pd.read_csv(CROPS / "faces.csv")
    table["mirrored"] = np.arange(len(table)) % 2
    table.to_csv(CROPS / "faces.csv", index=False)
    write_made_up("net")
    target = read_predictions("net", "test").landmarks_photo
    splits = {}
    for split in predicted_splits("net"):  # too far left, by a tenth of the face; twins: right
        faces = read_predictions("net", split)
        signs = 1 - 2 * table.loc[table["split"] == split, "mirrored"].to_numpy()
        for landmarks in (faces.landmarks_photo, faces.mirrored_photo):
            landmarks[..., 0] -= (0.1 * signs * np.ptp(landmarks[..., 0], axis=1))[:, None]
        splits[split] = faces
    write_predictions("net", read_info("net"), splits)
    moved = read_predictions("net", "test").landmarks_photo
    correct("net")
    corrected = read_predictions("net_corrected", "test").landmarks_photo
    errors = np.abs(corrected - target).mean(axis=(1, 2))
    assert (errors < 0.2 * np.abs(moved - target).mean(axis=(1, 2))).all()  # of twins and others


def _lower_chins(name: str, distance: float) -> None:
    """Move the predicted chins of all splits."""
    splits = {}
    for split in predicted_splits(name):
        faces = read_predictions(name, split)
        for landmarks in (faces.landmarks_photo, faces.mirrored_photo):
            landmarks[:, 8, 1] += distance
        splits[split] = faces
    write_predictions(name, read_info(name), splits)


def test_training_faces_with_unknown_points_are_left_out(
    settings: Callable[..., None], pipeline: Path
):
    settings()
    write_made_up("net", noise=0.1)
    _own_crops(pipeline)
    landmarks = np.load(CROPS / "landmarks.npy")
    landmarks[0, 5] = np.nan
    np.save(CROPS / "landmarks.npy", landmarks)
    correct("net")
    assert np.isfinite(read_predictions("net_corrected", "validation").landmarks_photo).all()


def test_too_few_faces_without_unknown_points_are_an_error(
    settings: Callable[..., None], pipeline: Path
):
    settings()
    write_made_up("net", noise=0.1)
    _own_crops(pipeline)
    landmarks = np.load(CROPS / "landmarks.npy")
    landmarks[:, 5] = np.nan
    np.save(CROPS / "landmarks.npy", landmarks)
    with pytest.raises(PipelineError, match="0 training faces of task wild have all 68"):
        correct("net")


def _own_crops(pipeline: Path) -> None:
    """Replace the link to the crops of all tests by a copy."""
    crops = pipeline / "data/crops"
    copy = shutil.copytree(crops, pipeline / "copy")
    crops.unlink()
    copy.rename(crops)


def test_a_model_of_one_point_has_no_shape_to_correct(settings: Callable[..., None]):
    settings()
    points = np.zeros((3, 1, 2))
    info = PredictionsInfo("wild", "ibug", (30,))
    write_predictions("net", info, {"train": LandmarkPredictions(points, points, np.zeros(3))})
    with pytest.raises(PipelineError, match="1 point.* no shape to correct; at least 3"):
        correct("net")


def test_wrong_settings_and_missing_files_are_named(settings: Callable[..., None]):
    write_made_up("net")
    settings(task="wild224")
    with pytest.raises(PipelineError, match=r"corrections\.net\.task must be wild; got wild224"):
        correct("net")
    settings(source="net_folds")
    with pytest.raises(PipelineError, match=r"net_folds/train\.npz is missing"):
        correct("net")
    with pytest.raises(SettingsError, match="corrections has no 'other'; it has net"):
        correct("other")
