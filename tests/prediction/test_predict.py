"""`src/predict.py`: which splits it predicts, and models that do not fit their task."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from predicted import CROPS, INFO, prepare_wild

from keypoints.core.landmarks import IBUG_68
from keypoints.core.predictions import predicted_splits, read_info, read_predictions
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.models.checkpoint import ModelFileError
from keypoints.models.checkpoint import read_info as read_model_info
from keypoints.models.predict import load_model
from keypoints.prediction.tta import NO_TTA, predict_faces
from predict import predict

SETTINGS = """\
device: cpu
tta:
  default:
    scales: [1.0]
    flip: {flip}
corrections:
  {corrected}:
    task: wild
    learn_from: data/predictions/{source}/train.npz
"""


@pytest.fixture
def pipeline(
    tmp_path: Path, rendered_ibug: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A pipeline that has trained the model `tiny`."""
    format_ = CropFormat.of(read_model_info(tiny_model).task, IBUG_68)
    monkeypatch.chdir(prepare_wild(tmp_path, rendered_ibug, format_))
    Path("models").mkdir()
    shutil.copy(tiny_model, "models/tiny.safetensors")
    write_settings()
    return tmp_path


def write_settings(corrected: str = "other", source: str = "other", flip: str = "false") -> None:
    text = SETTINGS.format(corrected=corrected, source=source, flip=flip)
    Path("params.yaml").write_text(text)


def test_validation_and_test_faces_are_predicted(pipeline: Path) -> None:
    predict("tiny")
    assert predicted_splits("tiny") == ["validation", "test"]
    assert read_info("tiny") == INFO
    with CropStore(CROPS) as store:
        trained = load_model(Path("models/tiny.safetensors"))
        expected = predict_faces(trained, store, store.rows("test"), torch.device("cpu"), NO_TTA)
    read = read_predictions("tiny", "test")
    assert (read.landmarks_photo == expected.landmarks_photo).all()
    assert (read.mirrored_photo == expected.mirrored_photo).all()


@pytest.mark.parametrize(("source", "n_splits"), [("tiny", 3), ("tiny_folds", 2)])
def test_training_faces_are_predicted_if_the_correction_learns_from_them(
    pipeline: Path, source: str, n_splits: int
) -> None:
    write_settings("tiny", source)
    predict("tiny")
    assert len(predicted_splits("tiny")) == n_splits
    if n_splits == 3:
        with CropStore(CROPS) as store:
            assert len(read_predictions("tiny", "train").landmarks_photo) == len(
                store.rows("train")
            )


def test_the_settings_of_tta_are_used(pipeline: Path) -> None:
    predict("tiny")
    plain = read_predictions("tiny", "test")
    write_settings(flip="true")
    predict("tiny")
    averaged = read_predictions("tiny", "test").landmarks_photo
    np.testing.assert_allclose(averaged, (plain.landmarks_photo + plain.mirrored_photo) / 2)


def test_a_missing_model_and_other_crops_are_errors(pipeline: Path, rendered_ibug: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        predict("other")
    shutil.rmtree("data")
    format_ = CropFormat.of(read_model_info(Path("models/tiny.safetensors")).task, IBUG_68)
    prepare_wild(pipeline, rendered_ibug, replace(format_, box_scale=1.5))
    with pytest.raises(ModelFileError, match=r"box_scale 1\.3; those of task wild have 1\.5"):
        predict("tiny")
