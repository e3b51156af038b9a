"""The real stages, run by DVC in a temporary repository with tiny settings."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from workspace import MODELS, Workspace

from keypoints.core.predictions import read_predictions
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.evaluation.scores import score_rows
from keypoints.models.predict import load_model
from keypoints.training.loop import validate


def test_repro_writes_every_output(ran: Workspace) -> None:
    written = {str(path.relative_to(ran.folder)) for path in ran.folder.rglob("*.*")}
    for model in MODELS:
        assert f"models/{model}.safetensors" in written
        assert f"metrics/history/{model}.csv" in written
        assert f"metrics/scores/{model}.json" in written
        assert f"metrics/details/{model}.json" in written
        assert f"metrics/faces/{model}.csv" in written
        assert f"metrics/figures/{model}_bad.png" in written
        assert f"data/predictions/{model}/validation.npz" in written
        assert f"metrics/timings/evaluate_{model}.json" in written
    for model in ("resnet18", "kaggle15_net"):
        assert f"submissions/{model}.csv" in written
        assert f"data/predictions/{model}/test.npz" in written
    assert {"report/scores.md", "report/times.html", "report/index.html"} <= written
    assert not list(ran.folder.rglob("metrics/**/.gitignore"))


def test_history_has_a_row_per_epoch(ran: Workspace) -> None:
    history = pd.read_csv(ran.folder / "metrics/history/nose_net.csv")
    assert list(history.columns) == ["epoch", "train_mse", "val_mse", "lr", "seconds"]
    assert list(history["epoch"]) == [1]
    metrics = json.loads((ran.folder / "metrics/training/nose_net.json").read_text())
    assert metrics == {"epoch": 1, "val_mse": history["val_mse"][0]}


def test_a_submission_has_a_row_per_coordinate_of_the_test_list(ran: Workspace) -> None:
    lines = (ran.folder / "submissions/resnet18.csv").read_text().splitlines()
    assert lines[0] == "Id,Predicted"
    assert [line.split(",")[0] for line in lines[1:]] == [str(n) for n in range(2 * 136)]


def test_a_submission_passes_the_check_and_is_scored_as_the_competition_would(
    ran: Workspace,
) -> None:
    for model, metric in (("resnet18", "mae_px"), ("kaggle15_net", "rmse_px")):
        file = f"submissions/{model}.csv"
        assert "valid rows for 2 faces of " in ran.run("python", "src/send.py", "--check", file)
        output = ran.run("python", "src/send.py", "--score", file, "--against", file)
        assert f"{file}: {metric} " in output
        assert f"{file} against {file}: {metric} +0.0000, " in output


def test_unknown_points_leave_the_history_whole(ran: Workspace) -> None:
    landmarks_photo = np.load(ran.folder / "data/crops/kaggle15/landmarks.npy")
    assert np.isnan(landmarks_photo[:20]).any()
    history = pd.read_csv(ran.folder / "metrics/history/kaggle15_net.csv")
    assert np.isfinite(history).all(axis=None)


@pytest.mark.parametrize(
    ("model", "task"), [("nose_net", "nose"), ("face_net", "face"), ("resnet18", "wild")]
)
def test_a_loaded_model_scores_what_was_saved(
    ran: Workspace, monkeypatch: pytest.MonkeyPatch, model: str, task: str
) -> None:
    monkeypatch.chdir(ran.folder)
    scores = json.loads(Path(f"metrics/details/{model}.json").read_text())
    predictions = read_predictions(model, "validation")
    trained = load_model(Path(f"models/{model}.safetensors"))
    with CropStore(Path("data/crops") / task) as store:
        rows = store.rows("validation")
        batches = BatchLoader(store, rows, trained.info.points, batch_size=4)
        mse = validate(trained.network, batches, torch.device("cpu"))
        views = [predictions.landmarks_photo]
        if {"original", "mirrored"} == set(scores.get("view", {})):  # means over both
            views.append(predictions.mirrored_photo)
        saved = [score_rows(store, rows, view, trained.info.points)[1] for view in views]
    assert mse == pytest.approx(saved[0], rel=1e-4)
    assert np.mean(saved) == pytest.approx(scores["mse"], rel=1e-4)
    assert trained.info.name == model


def test_a_second_run_does_nothing(ran: Workspace) -> None:
    assert ran.stages_run("repro") == []


def test_the_graph_leads_from_fetch_to_report(ran: Workspace) -> None:
    graph = ran.dvc("dag", "--dot")
    for edge in (
        '"fetch@imm" -> "prepare@nose"',
        '"prepare@nose" -> "train@nose_net"',
        '"weights" -> "train@resnet18"',
        '"train@resnet18" -> "predict@resnet18"',
        '"predict@resnet18" -> "submit@resnet18"',
        '"evaluate@face_net" -> "report"',
    ):
        assert edge in graph


def test_a_model_that_is_not_in_the_settings_is_named(ran: Workspace) -> None:
    output = ran.run("python", "src/train.py", "nose", check=False)
    assert "error: models has no 'nose'; it has nose_net, " in output
    assert "exit code 1" in output


def test_weights_come_from_a_local_file_or_the_run_stops(
    workspace: Workspace, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    trained = load_model(workspace.folder / "models/resnet18.safetensors")
    weights = {
        name.removeprefix("body."): tensor
        for name, tensor in trained.network.state_dict().items()
        if "fc." not in name
    }
    file = tmp_path / "own.safetensors"
    workspace.set_params({"models.resnet18.pretrained": str(file)})
    output = workspace.run("python", "src/weights.py", check=False)
    assert "error: models.resnet18: pretrained: " in output and "own.safetensors" in output
    assert "exit code 1" in output
    save_file(weights, file)
    assert workspace.stages_run("repro", "train@resnet18") == ["weights", "train@resnet18"]
    record = json.loads((workspace.folder / "data/weights/resnet18/weights.json").read_text())
    assert record["file"] == "own.safetensors"
