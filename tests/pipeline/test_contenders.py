"""The contenders: a DVC project of their own, run in a temporary repository with tiny settings."""

import json

import numpy as np
import pandas as pd
import pytest
from workspace import Workspace

TINY_KAGGLE15 = {
    "datasets.kaggle15.source": "rendered",
    "tasks.close128.height": 32,
    "tasks.close128.width": 32,
    "models.kaggle15_best.epochs": 1,
    "models.kaggle15_best.batch_size": 4,
}


def test_one_command_trains_corrects_combines_and_submits(contenders: Workspace) -> None:
    ran = contenders.stages_run("repro", "evaluate@best", "submit@best")
    names = ("sharp_256", "rendered_256", "sharp_224")
    expected = {
        "fetch@ibug",
        "prepare@wild256",
        "prepare@wild224",
        "ensemble@mobile_256",
        "ensemble@best",
        "evaluate@best",
        "submit@best",
    }
    for stage in ("weights", "train", "predict", "correct"):
        expected |= {f"{stage}@{name}" for name in names}
    assert set(ran) == expected
    scores = json.loads((contenders.folder / "metrics/details/best.json").read_text())
    assert 0 < scores["mse"] < 1
    history = pd.read_csv(contenders.folder / "metrics/history/sharp_224.csv")
    assert list(history["epoch"]) == [1, 2]  # one at 32 px, one at 64 px
    predictions = contenders.folder / "data/predictions"
    points = {}
    for name in (*(f"{name}_corrected" for name in names), "best"):
        with np.load(predictions / name / "test.npz") as arrays:
            points[name] = arrays["landmarks_photo"]
    best = points.pop("best")
    assert np.allclose(best, np.mean([*points.values()], axis=0))
    output = contenders.run("python", "../src/send.py", "--check", "submissions/best.csv")
    assert "valid rows for 2 faces of cs194-26" in output
    assert contenders.stages_run("repro", "evaluate@best", "submit@best") == []


def test_a_contender_with_random_weights_needs_no_mirror(contenders: Workspace) -> None:
    contenders.set_params({"models.mobile_wild.pretrained": False})
    contenders.dvc("repro", "weights@mobile_wild")
    record = contenders.folder / "data/weights/mobile_wild/weights.json"
    assert json.loads(record.read_text())["file"] is None


def test_a_weights_file_of_the_repository_is_found_under_dvc_and_without(
    contenders: Workspace,
) -> None:
    record = contenders.folder / "data/weights/face_best/weights.json"
    contenders.dvc("repro", "weights@face_best")
    under_dvc = json.loads(record.read_text())
    assert under_dvc["file"] == "sharp_256.safetensors"
    record.unlink()
    contenders.run("python", "../src/weights.py", "face_best")
    assert json.loads(record.read_text()) == under_dvc


def test_one_command_trains_folds_and_corrects_evaluates_and_submits_their_mean(
    contenders: Workspace,
) -> None:
    contenders.set_params(TINY_KAGGLE15)
    name = "kaggle15_best_folds_corrected"
    targets = [f"evaluate@{name}", f"submit@{name}"]
    expected = ["fetch@kaggle15", "prepare@close128", "weights@kaggle15_best"]
    expected += ["cross_validate@kaggle15_best", "correct@kaggle15_best_folds", *targets]
    assert sorted(contenders.stages_run("repro", *targets)) == sorted(expected)
    scores, details = (
        json.loads((contenders.folder / f"metrics/{folder}/kaggle15_best_oof.json").read_text())
        for folder in ("scores", "details")
    )
    folds = [details["fold"][str(number)]["rmse_px"] for number in range(1, 6)]
    assert details["fold_deviation"]["rmse_px"] == pytest.approx(np.std(folds, ddof=1))
    assert min(folds) < scores["rmse_px"] < max(folds)
    output = contenders.run("python", "../src/send.py", "--check", f"submissions/{name}.csv")
    assert "valid rows for 2 faces of facial-keypoints-detection" in output
