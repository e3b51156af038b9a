"""Contenders, trained by DVC in a repository of their own with tiny settings."""

import json

from workspace import Workspace

from keypoints.inference import load_model


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
