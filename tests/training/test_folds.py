"""Cross-validation: the faces that a fold holds out, and the script with the tiny pipeline."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from workspace import Workspace

from keypoints.core.errors import PipelineError
from keypoints.core.predictions import PredictionsInfo
from keypoints.crops.store import CropStore
from keypoints.models.predict import load_model
from keypoints.prediction.tta import predict_faces
from keypoints.training.folds import Fold, make_folds, parse_fold, train_val_rows


def test_each_training_face_is_held_out_by_one_fold_and_trained_on_by_the_others(
    dot_store: CropStore,
):
    splits = [fold.split(dot_store) for fold in (Fold(1, 3), Fold(2, 3), Fold(3, 3))]
    training = dot_store.rows("train").tolist()
    assert sorted(np.concatenate([held_out for _, held_out in splits]).tolist()) == training
    for train, held_out in splits:
        assert sorted([*train, *held_out]) == training


def test_a_smaller_number_of_groups_is_a_subset_of_a_larger_one(dot_store: CropStore):
    all_rows = dot_store.rows("train")
    group_of = dot_store.faces(all_rows).set_index(all_rows)["group"]
    smaller: set[int] = set()
    for count in range(1, group_of.nunique() + 2):  # up to one more than there are
        train, validation = train_val_rows(dot_store, None, count)
        assert group_of[train].nunique() == min(count, group_of.nunique())
        assert set(all_rows[group_of.isin(group_of[train])]) == set(train)
        assert smaller <= set(train)
        assert validation.tolist() == dot_store.rows("validation").tolist()
        smaller = set(train)
    assert smaller == set(all_rows)


def test_the_groups_to_train_on_are_chosen_outside_of_the_fold(dot_store: CropStore):
    train, held_out = train_val_rows(dot_store, Fold(1, 3), 2)
    assert dot_store.faces(train)["group"].nunique() == 2
    assert not set(train) & set(held_out)


def test_faces_with_unknown_points_are_held_out_and_validate(
    dot_store: CropStore, monkeypatch: pytest.MonkeyPatch
):
    fold = Fold(1, 3)
    train, held_out = fold.split(dot_store)
    landmarks_photo = dot_store.landmarks_photo[np.arange(len(dot_store.landmarks_photo))]
    landmarks_photo[[train[0], held_out[0]], 0] = np.nan
    monkeypatch.setattr(dot_store, "landmarks_photo", landmarks_photo)
    rows = train_val_rows(dot_store, fold)
    assert (rows[0].tolist(), rows[1].tolist()) == (train.tolist(), held_out.tolist())


def test_a_fold_without_faces_is_refused(dot_store: CropStore):
    with pytest.raises(PipelineError, match="fold 9 of 9: 8 faces are too few"):
        Fold(9, 9).split(dot_store)


def test_all_folds_are_checked_before_the_first_is_trained(dot_store: CropStore):
    rows = dot_store.rows("train")
    n_groups = dot_store.faces(rows)["group"].nunique()
    assert make_folds(dot_store, n_groups) == [Fold(n + 1, n_groups) for n in range(n_groups)]
    for n_folds in (n_groups + 1, 10**9):
        with pytest.raises(PipelineError, match="faces are too few; use fewer folds"):
            make_folds(dot_store, n_folds)


def test_a_name_has_a_model_and_optionally_a_fold():
    assert parse_fold("nose_net") == ("nose_net", None)
    assert parse_fold("nose_net.2of5") == ("nose_net", Fold(2, 5))
    assert Fold(2, 5).model_name("nose_net") == "nose_net.2of5"


@pytest.mark.parametrize("text", ["", "2", "0of5", "6of5", "1of1", "2of5.1", "2 of 5"])
def test_a_text_that_does_not_name_a_fold_is_refused(text: str):
    with pytest.raises(PipelineError, match="a fold, such as 2of5, should follow the dot; got "):
        parse_fold(f"nose_net.{text}")


def test_a_cross_validation_trains_all_folds_and_scores_their_predictions(workspace: Workspace):
    output = workspace.run("python", "src/cross_validate.py", "face_net", "2")
    assert output.count("epoch   1/1") == 2
    scores = {}
    for folder in ("scores", "details"):
        file = workspace.folder / f"metrics/{folder}/face_net_oof.json"
        scores |= json.loads(file.read_text())
    assert (scores["split"], scores["faces"]) == ("out of fold", 24)
    errors = [scores["fold"][fold]["nme"] for fold in ("1", "2")]
    assert scores["nme"] == pytest.approx(np.mean(errors))  # two persons each
    assert scores["fold_deviation"]["nme"] == pytest.approx(np.std(errors, ddof=1))
    assert f"2 folds: mae_px {scores['fold_deviation']['mae_px']:.4g}, rmse_px " in output
    predictions = workspace.folder / "data/predictions/face_net_folds"
    table = pd.read_csv(workspace.folder / "metrics/faces/face_net_oof.csv")
    assert len(table) == len(np.load(predictions / "train.npz")["landmarks_photo"]) == 24
    info = json.loads((predictions / "info.json").read_text())
    assert PredictionsInfo(**info) == PredictionsInfo("face", "imm", [*range(58)])
    assert {path.name for path in predictions.glob("*.npz")} == {"train.npz", "validation.npz"}
    with CropStore(workspace.folder / "data/crops/face") as store:
        members = [
            predict_faces(load_model(path), store, store.rows("validation"), torch.device("cpu"))
            for path in (workspace.folder / "models/face_net_folds").glob("*.safetensors")
        ]
    mean = np.mean([faces.landmarks_photo for faces in members], axis=0)
    averaged = np.load(predictions / "validation.npz")["landmarks_photo"]
    np.testing.assert_allclose(averaged, mean, atol=1e-3)
    models = {path.name for path in (workspace.folder / "models/face_net_folds").iterdir()}
    assert models == {
        f"face_net.{number}of2.{suffix}" for number in (1, 2) for suffix in ("csv", "safetensors")
    }
    assert not list((workspace.folder / ".resume").iterdir())
    by_itself = models_bytes(workspace, 2)
    workspace.run("python", "src/train.py", "face_net.2of2")
    assert models_bytes(workspace, 2) == by_itself


def models_bytes(workspace: Workspace, number: int) -> bytes:
    path = workspace.folder / f"models/face_net_folds/face_net.{number}of2.safetensors"
    return path.read_bytes()


@pytest.mark.parametrize("n_folds", ["1", "0", "-2", "two"])
def test_a_cross_validation_needs_at_least_two_folds(workspace: Workspace, n_folds: str):
    output = workspace.run(
        "python", "src/cross_validate.py", "face_net", "--", n_folds, check=False
    )
    assert f"error: the number of folds should be 2 or more; got '{n_folds}'" in output
