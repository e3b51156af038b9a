"""Contenders, trained by DVC in a repository of their own with tiny settings."""

import json

import pytest
from workspace import Workspace

from keypoints.models.predict import load_model


@pytest.fixture
def contended(workspace: Workspace) -> Workspace:
    """The repository with the contenders' stages."""
    workspace.add_contenders()
    return workspace


def test_contenders_are_trained_when_asked_for_on_the_data_of_the_pipeline(
    contended: Workspace,
) -> None:
    ends = [f"contenders/dvc.yaml:{stage}@mobile_heatmap" for stage in ("evaluate", "submit")]
    ran = contended.stages_run("repro", *ends)
    stages = ("prepare@wild160", "weights", "train@", "evaluate@", "submit@")
    assert len(ran) == len(stages)
    assert all(any(name in line for line in ran) for name in stages)
    folder = contended.folder / "contenders"
    scores = json.loads((folder / "metrics/scores/mobile_heatmap.json").read_text())
    assert 0 < scores["mse"] < 1
    said = contended.run(
        "python", "src/send.py", "--check", "contenders/submissions/mobile_heatmap.csv"
    )
    assert "rows for 2 faces, as " in said
    assert contended.stages_run("repro") == []  # the pipeline itself knows nothing of them
    assert contended.run("git", "status", "--porcelain", "--", "contenders/data") == ""


def test_a_contender_goes_on_from_another_one(contended: Workspace) -> None:
    ran = contended.stages_run("repro", "contenders/dvc.yaml:train@mobile_fine")
    assert ran[-1].endswith("train@mobile_fine")
    folder = contended.folder / "contenders/models"
    first, then = (
        load_model(folder / f"mobile_{name}.safetensors") for name in ("heatmap", "fine")
    )
    moved = [
        (a - b).norm() / a.norm()
        for a, b in zip(first.network.parameters(), then.network.parameters(), strict=True)
        if a.ndim > 1
    ]
    assert 0 < max(moved) < 0.5  # one epoch from where the other ended, not from anew


def test_a_file_of_the_repository_is_found_under_dvc_and_by_hand(contended: Workspace) -> None:
    record = contended.folder / "contenders/data/weights/face_best/weights.json"
    contended.dvc("repro", "--single-item", "contenders/dvc.yaml:weights")
    under_dvc = json.loads(record.read_text())
    assert under_dvc["file"] == "second_224.safetensors"
    record.unlink()
    contended.run("sh", "-c", "cd contenders && python ../src/fetch.py weights")
    assert json.loads(record.read_text()) == under_dvc
