"""Several models' predictions put together: by hand, and by the script on the tiny pipeline."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from workspace import Workspace

from keypoints.crops.store import CropStore
from keypoints.models.predict import load_model
from keypoints.prediction.ensemble import EnsembleError, combine
from keypoints.prediction.shape_correction import load_calibrator
from keypoints.prediction.tta import LandmarkPredictions, predict_faces


def faces(x: float, n_faces: int = 1) -> LandmarkPredictions:
    """A face of two points, at (x, 0) and (0, x); ten further to the right in the mirror."""
    points = np.tile([(x, 0.0), (0.0, x)], (n_faces, 1, 1))
    return LandmarkPredictions(points, points + (10, 0))


@pytest.mark.parametrize(("how", "x"), [("mean", 4), ("median", 2)])
def test_members_are_put_together_by_hand(how: str, x: float):
    together = combine(how, {"a": faces(1), "b": faces(9), "c": faces(2)})
    assert together.landmarks_photo.tolist() == [[[x, 0], [0, x]]]
    assert together.flipped_photo.tolist() == [[[x + 10, 0], [10, x]]]


def test_a_median_is_not_moved_by_one_member_that_is_far_off():
    members = {"a": faces(1), "b": faces(2), "c": faces(3)}
    far = combine("median", members | {"c": faces(1000)})
    assert (far.landmarks_photo == combine("median", members).landmarks_photo).all()


def test_members_of_other_faces_are_refused():
    with pytest.raises(EnsembleError, match=r"a \(1, 2, 2\), b \(3, 2, 2\)"):
        combine("mean", {"a": faces(1), "b": faces(2, n_faces=3)})


def test_an_ensemble_of_a_model_and_its_twin_is_the_model(workspace: Workspace):
    model = json.loads(workspace.run("python", "-c", _PRINT_RESNET18))
    block = {"how": "mean", "members": ["resnet18", "twin"]}
    workspace.set_params({"models.twin": model, "ensembles": {"both": block}})
    for split in ("validation", "test"):
        kept = workspace.folder / f"metrics/predictions/resnet18_{split}.npz"
        shutil.copy(kept, kept.with_name(f"twin_{split}.npz"))
    said = workspace.run("python", "src/ensemble.py", "both")
    assert "submissions/both.csv: 272 rows for 2 faces" in said
    both, alone = (
        pd.read_csv(workspace.folder / f"submissions/{name}.csv") for name in ("both", "resnet18")
    )
    np.testing.assert_allclose(both, alone, atol=1.5e-3)  # predictions are kept as float32
    scores, of_model = (
        json.loads((workspace.folder / f"metrics/scores/{name}.json").read_text())
        for name in ("both", "resnet18")
    )
    assert scores["mae_px"] == pytest.approx(of_model["mae_px"], rel=1e-5)
    assert scores["mse"] == pytest.approx(of_model["mse"], rel=1e-5)
    table = pd.read_csv(workspace.folder / "metrics/faces/both.csv")
    assert list(table) == list(pd.read_csv(workspace.folder / "metrics/faces/resnet18.csv"))


_PRINT_RESNET18 = """
from ruamel.yaml import YAML; import json
print(json.dumps(YAML(typ="safe").load(open("params.yaml"))["models"]["resnet18"]))
"""


def test_an_ensemble_without_test_faces_has_scores_only(workspace: Workspace):
    members = ["nose_net", "nose_net_3x3", "nose_net_16ch"]
    workspace.set_params({"ensembles": {"noses": {"how": "median", "members": members}}})
    workspace.run("python", "src/ensemble.py", "noses")
    kept = [np.load(workspace.folder / f"metrics/predictions/{m}_validation.npz") for m in members]
    expected = np.median([file["landmarks_photo"] for file in kept], axis=0)
    together = np.load(workspace.folder / "metrics/predictions/noses_validation.npz")
    np.testing.assert_allclose(together["landmarks_photo"], expected, rtol=1e-6)
    assert not (workspace.folder / "submissions/noses.csv").exists()


def test_a_model_is_corrected_by_what_its_training_faces_taught(workspace: Workspace):
    workspace.run("python", "src/calibrate.py", "resnet18")
    block = {"how": "mean", "members": ["resnet18"], "calibrated": True}
    workspace.set_params({"ensembles": {"single": block}})
    workspace.run("python", "src/ensemble.py", "single")
    folder = workspace.folder
    plain, corrected = (
        np.load(folder / f"metrics/predictions/{name}_test.npz")["landmarks_photo"]
        for name in ("resnet18", "single")
    )
    calibrator = load_calibrator(folder / "models/resnet18_calibrator.safetensors")
    np.testing.assert_allclose(corrected, calibrator.apply(plain.astype(float)), atol=0.01)
    assert np.abs(corrected - plain).max() > 1
    with CropStore(folder / "data/crops/wild") as store:
        target = store.landmarks_photo[store.rows("train")]
        trained = load_model(folder / "models/resnet18.safetensors")
        _, faces = predict_faces(trained, store, store.rows("train"), torch.device("cpu"))
    before, after = (
        np.abs(points - target).mean()
        for points in (faces.landmarks_photo, calibrator.apply(faces.landmarks_photo))
    )
    assert after < before


def test_a_model_of_one_point_has_no_shape_to_correct(workspace: Workspace):
    said = workspace.run("python", "src/calibrate.py", "nose_net", check=False)
    assert "error: nose_net: too few points to have a shape: 1" in said
    said = workspace.run("python", "src/calibrate.py", "nose_net", "folds", check=False)
    assert "error: a correction is learnt from train or oof; got 'folds'" in said


def test_an_ensemble_that_is_not_in_the_settings_is_named(ran: Workspace):
    said = ran.run("python", "src/ensemble.py", "all", check=False)
    assert "error: ensembles has no 'all'; it has none" in said
