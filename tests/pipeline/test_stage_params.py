"""Settings that the stages read, and the stages that a changed setting re-runs."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from workspace import MODELS, ROOT, Workspace

SPIED_STAGE = str(ROOT / "tests/support/spied_stage.py")
ITEMS = {  # an item of each stage
    "fetch": "ibug",
    "weights": None,
    "prepare": "wild",
    "train": "nose_net",
    "predict": "nose_net",
    "evaluate": "nose_net",
    "submit": "kaggle15_net",
}


def listed_keys(workspace: Workspace, stage: str, item: str | None) -> list[str]:
    """Keys under `params:` of a resolved stage."""
    with workspace.repo() as repo:
        name = stage if item is None else f"{stage}@{item}"
        (found,) = (stage for stage in repo.index.stages if stage.addressing == name)
        return [key for dependency in found.params for key in dependency.params]


def subset(values: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """A params.yaml with some keys and nothing else."""
    kept: dict[str, Any] = {}
    for key in keys:
        *parents, last = key.split(".")
        source, target = values, kept
        for parent in parents:
            source, target = source[parent], target.setdefault(parent, {})
        target[last] = source[last]
    return kept


@pytest.mark.parametrize(("stage", "item"), ITEMS.items())
def test_a_stage_reads_all_settings_that_it_lists_and_needs_no_others(
    workspace: Workspace, stage: str, item: str | None, tmp_path: Path
) -> None:
    path, log = workspace.folder / "params.yaml", tmp_path / "read.txt"
    keys = listed_keys(workspace, stage, item)
    yaml = YAML(typ="safe")
    with path.open() as file:
        values = yaml.load(file)
    yaml.dump(subset(values, keys) if keys else {}, path)
    arguments = [f"src/{stage}.py", *([item] if item else [])]
    workspace.run("python", SPIED_STAGE, str(log), *arguments)
    read = set(log.read_text().split()) if log.is_file() else set()
    for key in keys:
        below = {name for name in read if name.startswith(f"{key}.")}
        assert key in read or below or key == "corrections", (key, read)


@pytest.mark.parametrize(
    ("setting", "value", "stages"),
    [
        ("lr", 0.003, {f"train@{model}" for model in MODELS}),
        ("mirror", "../mirror", {"fetch@imm", "fetch@ibug", "fetch@kaggle15", "weights"}),
        ("datasets.ibug.rendered.photos", 21, {"fetch@ibug"}),
        ("datasets.imm.val_fraction", 0.3, {"fetch@imm", "prepare@nose", "prepare@face"}),
        ("tasks.wild.box_scale", 1.5, {"prepare@wild", "train@resnet18"}),
        ("models.face_net.loss", "l1", {"weights", "train@face_net"}),
        ("augment.none.rotation", 5, {f"train@{model}" for model in MODELS[:3]}),
        ("optim.adam.ema", 0.9, {f"train@{model}" for model in MODELS if model != "heatmap_net"}),
        ("tta.default.flip", True, {f"predict@{model}" for model in MODELS}),
        ("ensembles", {"x": {"reduce": "men", "members": []}}, set()),
    ],
)
def test_a_setting_marks_the_stages_that_read_it(
    workspace: Workspace, setting: str, value: object, stages: set[str]
) -> None:
    workspace.set_params({setting: value})
    assert workspace.changed() == stages | {"report"}  # whose page prints all settings


@pytest.mark.parametrize(
    ("file", "default", "other"),
    [
        ("params.yaml", "lr=1e-3", "lr=3e-4"),
        ("contenders/params.yaml", "source=public", "source=rendered"),
    ],
)
def test_an_overridden_setting_changes_one_line_of_the_committed_file(
    file: str, default: str, other: str, tmp_path: Path
) -> None:
    from dvc.utils.hydra import apply_overrides

    before = (ROOT / file).read_text()
    path = tmp_path / "params.yaml"
    path.write_text(before)
    apply_overrides(path, [default])
    assert path.read_text() == before
    apply_overrides(path, [other])
    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), path.read_text().splitlines(), strict=True)
        if old != new
    ]
    assert len(changed) == 1
