"""Experiments and contenders, run by DVC in a repository of their own with tiny settings."""

import json
import time

import pandas as pd
from workspace import Workspace

from keypoints.inference import load_model


def test_an_experiment_runs_what_depends_on_its_setting_and_is_compared(
    workspace: Workspace,
) -> None:
    ran = workspace.stages_run("exp", "run", "-S", "models.nose_net.epochs=3")
    assert ran == ["fetch@weights", "train@nose_net", "evaluate@nose_net", "report"]
    params = json.loads(workspace.dvc("params", "diff", "--json"))
    assert params["params.yaml"]["models.nose_net.epochs"] == {"old": 1, "new": 3, "diff": 2}
    said = workspace.dvc("metrics", "diff", "--json")
    metrics = json.loads(said[said.index("{") :])  # contenders have no scores: DVC says so first
    assert list(metrics) == ["metrics/scores/nose_net.json"]
    assert "mae_px" in metrics["metrics/scores/nose_net.json"]
    workspace.dvc("plots", "diff", "HEAD")
    assert "learning curves of nose_net" in (workspace.folder / "dvc_plots/index.html").read_text()


def test_a_small_rate_is_a_number_and_retrains_only_the_target(workspace: Workspace) -> None:
    assert workspace.stages_run("exp", "run", "-S", "lr=1e-5", "train@nose_net") == [
        "train@nose_net"
    ]
    history = pd.read_csv(workspace.folder / "metrics/history/nose_net.csv")
    assert set(history["lr"]) == {1e-5}


def test_a_rate_of_the_wrong_type_is_named(workspace: Workspace) -> None:
    said = workspace.dvc("exp", "run", "-S", "lr=fast", "train@nose_net", check=False)
    assert "params.yaml: lr should be a valid number; got 'fast'" in said
    assert "Traceback" not in said
    assert "exit code 255" in said


def test_another_backbone_is_one_setting(workspace: Workspace) -> None:
    backbone = "models.resnet18.backbone=mobilenetv3_small_100"
    ran = workspace.stages_run("exp", "run", "-S", backbone, "train@resnet18")
    assert ran == ["fetch@weights", "train@resnet18"]
    trained = load_model(workspace.folder / "models/resnet18.safetensors")
    assert type(trained.network.body).__name__ == "MobileNetV3"


def test_contenders_are_trained_when_asked_for_on_the_data_of_the_pipeline(
    workspace: Workspace,
) -> None:
    ends = [f"contenders/dvc.yaml:{stage}@mobile_heatmap" for stage in ("evaluate", "submit")]
    ran = workspace.stages_run("repro", *ends)
    stages = ("prepare@wild160", "weights", "train@", "evaluate@", "submit@")
    assert len(ran) == len(stages)
    assert all(any(name in line for line in ran) for name in stages)
    folder = workspace.folder / "contenders"
    scores = json.loads((folder / "metrics/scores/mobile_heatmap.json").read_text())
    assert 0 < scores["mse"] < 1
    said = workspace.run(
        "python", "src/send.py", "--check", "contenders/submissions/mobile_heatmap.csv"
    )
    assert "rows for 2 faces, as " in said
    assert workspace.stages_run("repro") == []  # the pipeline itself knows nothing of them
    assert workspace.run("git", "status", "--porcelain", "--", "contenders/data") == ""


def test_a_contender_goes_on_from_another_one(workspace: Workspace) -> None:
    ran = workspace.stages_run("repro", "contenders/dvc.yaml:train@mobile_fine")
    assert ran[-1].endswith("train@mobile_fine")
    folder = workspace.folder / "contenders/models"
    first, then = (
        load_model(folder / f"mobile_{name}.safetensors") for name in ("heatmap", "fine")
    )
    moved = [
        (a - b).norm() / a.norm()
        for a, b in zip(first.network.parameters(), then.network.parameters(), strict=True)
        if a.ndim > 1
    ]
    assert 0 < max(moved) < 0.5  # one epoch from where the other ended, not from anew


def test_a_grid_is_queued_and_worked_off_by_two_workers(workspace: Workspace) -> None:
    workspace.dvc("exp", "run", "--queue", "-S", "lr=1e-3,0.01", "train@nose_net")
    workspace.dvc("queue", "start", "-j", "2")
    deadline = time.monotonic() + 120
    while "Queued" in (status := workspace.dvc("queue", "status")) or "Running" in status:
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert status.count("Success") == 2
    shown = workspace.dvc("exp", "show", "--csv", "--no-pager")
    rates = pd.read_csv(pd.io.common.StringIO(shown))["lr"]
    assert {0.002, 0.001, 0.01} <= set(rates)
