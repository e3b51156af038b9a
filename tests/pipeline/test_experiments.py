"""Experiments, run by DVC in a temporary repository with tiny settings."""

import json
import re

import pandas as pd
import torch
from workspace import Workspace

from keypoints.models.predict import load_model


def test_an_experiment_runs_what_depends_on_its_setting_and_mentions_no_contender(
    workspace: Workspace, contenders: Workspace
) -> None:
    output = workspace.dvc("exp", "run", "-S", "models.nose_net.epochs=3")
    ran = re.findall(r"Running stage '(.+)'", output)
    assert ran == ["weights", "train@nose_net", "predict@nose_net", "evaluate@nose_net", "report"]
    assert "WARNING" not in output
    params = json.loads(workspace.dvc("params", "diff", "--json"))
    assert params["params.yaml"]["models.nose_net.epochs"] == {"old": 1, "new": 3, "diff": 2}
    metrics = json.loads(workspace.dvc("metrics", "diff", "--json"))
    assert set(metrics) == {"metrics/scores/nose_net.json", "metrics/training/nose_net.json"}
    assert "mae_px" in metrics["metrics/scores/nose_net.json"]
    assert metrics["metrics/training/nose_net.json"]["epoch"] == {"old": 1, "new": 3, "diff": 2}
    workspace.dvc("plots", "diff", "HEAD")
    assert "metrics/history" in (workspace.folder / "dvc_plots/index.html").read_text()
    workspace.dvc("checkout")
    (name,) = re.findall(r"Ran experiment\(s\): ([\w-]+)", output)
    workspace.dvc("exp", "apply", name)
    assert workspace.dvc("status").strip() == "Data and pipelines are up to date."
    for command in (
        ("exp", "show", "--csv"),
        ("metrics", "show"),
        ("metrics", "diff"),
        ("dag",),
        ("plots", "show", "--json"),
    ):
        shown = workspace.dvc(*command)
        assert "contenders" not in shown and "sharp_224" not in shown, command


def test_a_small_rate_is_a_number_and_retrains_only_the_target(workspace: Workspace) -> None:
    assert workspace.stages_run("exp", "run", "-S", "lr=1e-5", "train@nose_net") == [
        "train@nose_net"
    ]
    history = pd.read_csv(workspace.folder / "metrics/history/nose_net.csv")
    assert set(history["lr"]) == {1e-5}


def test_a_network_that_has_learnt_nothing_is_reported(workspace: Workspace) -> None:
    workspace.set_params({"lr": 10.0})
    output = workspace.run("python", "src/train.py", "nose_net")
    message = "warning: nose_net is no better than the mean shape of the training faces (val_mse "
    (line,) = (line for line in output.splitlines() if line.startswith(message))
    assert line.endswith("; try a lower learning rate (lr is 10) or more epochs")


def test_a_rate_of_the_wrong_type_is_named(workspace: Workspace) -> None:
    output = workspace.dvc("exp", "run", "-S", "lr=fast", "train@nose_net", check=False)
    assert "params.yaml: lr should be a valid number; got 'fast'" in output
    assert "Traceback" not in output
    assert "exit code 255" in output


def test_another_backbone_is_one_setting(workspace: Workspace) -> None:
    backbone = "models.resnet18.backbone=mobilenetv3_small_100"
    ran = workspace.stages_run("exp", "run", "-S", backbone, "train@resnet18")
    assert ran == ["weights", "train@resnet18"]
    trained = load_model(workspace.folder / "models/resnet18.safetensors")
    assert type(trained.network.body).__name__ == "MobileNetV3"


def test_a_models_own_seed_replaces_that_of_all(workspace: Workspace) -> None:
    trained = []
    for settings in ({"seed": 7}, {"seed": 1, "models.nose_net.seed": 7}):
        workspace.set_params(settings)
        workspace.run("python", "src/train.py", "nose_net")
        trained.append(load_model(workspace.folder / "models/nose_net.safetensors"))
    assert [model.info.seed for model in trained] == [7, 7]
    first, second = (model.network.state_dict() for model in trained)
    assert all(torch.equal(first[name], second[name]) for name in first)
