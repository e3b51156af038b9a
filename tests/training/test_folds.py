"""Cross-validation: which faces a fold holds out, and the scripts on the tiny pipeline."""

import json

import numpy as np
import pandas as pd
import pytest
from workspace import Workspace

from keypoints.crops.store import CropStore
from keypoints.prediction.shape_correction import load_calibrator
from keypoints.training.folds import Fold, FoldError, folds_of, parse_fold, train_val_rows


def test_every_training_face_is_held_out_once_and_trained_on_in_all_other_folds(
    dot_store: CropStore,
):
    sides = [fold.split(dot_store) for fold in folds_of(3)]
    training = dot_store.rows("train").tolist()
    assert sorted(np.concatenate([held_out for _, held_out in sides]).tolist()) == training
    for train, held_out in sides:
        assert sorted([*train, *held_out]) == training


def test_so_many_groups_are_trained_on_and_a_smaller_number_is_part_of_a_larger(
    dot_store: CropStore,
):
    everything = dot_store.rows("train")
    group_of = dot_store.faces(everything).set_index(everything)["group"]
    smaller: set[int] = set()
    for count in range(1, group_of.nunique() + 2):  # one more than there are
        train, held_out = train_val_rows(dot_store, None, count)
        assert group_of[train].nunique() == min(count, group_of.nunique())
        assert set(everything[group_of.isin(group_of[train])]) == set(train)
        assert smaller <= set(train)
        assert held_out.tolist() == dot_store.rows("validation").tolist()
        smaller = set(train)
    assert smaller == set(everything)


def test_groups_are_those_of_the_other_folds_where_one_is_held_out(dot_store: CropStore):
    train, held_out = train_val_rows(dot_store, Fold(1, 3), 2)
    assert dot_store.faces(train)["group"].nunique() == 2
    assert not set(train) & set(held_out)


def test_held_out_faces_have_all_their_points(
    dot_store: CropStore, monkeypatch: pytest.MonkeyPatch
):
    fold = Fold(1, 3)
    train, held_out = fold.split(dot_store)
    landmarks_photo = dot_store.landmarks_photo[np.arange(len(dot_store.landmarks_photo))]
    landmarks_photo[[train[0], held_out[0]], 0] = np.nan
    monkeypatch.setattr(dot_store, "landmarks_photo", landmarks_photo)
    known = train_val_rows(dot_store, fold)
    assert (known[0].tolist(), known[1].tolist()) == (train.tolist(), held_out[1:].tolist())
    landmarks_photo[held_out] = np.nan
    with pytest.raises(FoldError, match="fold 1 of 3: no face has all its points"):
        train_val_rows(dot_store, fold)


def test_a_fold_without_a_face_is_refused(dot_store: CropStore):
    with pytest.raises(FoldError, match="fold 9 of 9: 8 faces are too few"):
        Fold(9, 9).split(dot_store)


def test_an_item_names_its_model_and_its_fold():
    assert parse_fold("nose_net") == ("nose_net", None)
    assert parse_fold("nose_net.2of5") == ("nose_net", Fold(2, 5))
    assert Fold(2, 5).model_name("nose_net") == "nose_net.2of5"


@pytest.mark.parametrize("text", ["", "2", "0of5", "6of5", "1of1", "2of5.1", "2 of 5"])
def test_what_is_no_fold_is_refused(text: str):
    with pytest.raises(FoldError, match="should stand a fold, as 2of5; got "):
        parse_fold(f"nose_net.{text}")


def test_folds_are_trained_and_put_together(workspace: Workspace):
    for fold in folds_of(2):
        workspace.run("python", "src/train.py", fold.model_name("face_net"))
    workspace.run("python", "src/cross.py", "face_net", "2")
    scores = json.loads((workspace.folder / "metrics/scores/face_net_oof.json").read_text())
    assert (scores["split"], scores["faces"]) == ("out of fold", 24)
    errors = [scores["fold"][fold]["nme"] for fold in ("1", "2")]
    assert scores["nme"] == pytest.approx(np.mean(errors))  # two persons each
    assert scores["fold_deviation"]["nme"] == pytest.approx(np.std(errors, ddof=1))
    table = pd.read_csv(workspace.folder / "metrics/faces/face_net_oof.csv")
    kept = np.load(workspace.folder / "metrics/predictions/face_net_oof.npz")
    assert len(table) == len(kept["landmarks_photo"]) == 24
    workspace.run("python", "src/calibrate.py", "face_net", "oof")
    block = {"how": "mean", "members": ["face_net"], "calibrated": "oof"}
    workspace.set_params({"ensembles": {"corrected": block}})
    workspace.run("python", "src/ensemble.py", "corrected")
    calibrator = load_calibrator(workspace.folder / "models/face_net_oof_calibrator.safetensors")
    plain, corrected = (
        np.load(workspace.folder / f"metrics/predictions/{name}_validation.npz")["landmarks_photo"]
        for name in ("face_net", "corrected")
    )
    np.testing.assert_allclose(corrected, calibrator.apply(plain.astype(float)), atol=0.01)
