"""The choice of annotate.py's model."""

import json
from pathlib import Path

import pytest

from keypoints.annotation import default_model


def test_the_committed_network_is_the_default_until_a_model_of_real_faces_is_better(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, contenders = tmp_path / "root", tmp_path / "root/contenders"
    committed = root / "pretrained/wild.safetensors"
    models = [pipeline / "models/own.safetensors" for pipeline in (root, contenders)]
    for path in (committed, *models):
        path.parent.mkdir(parents=True)
        path.write_bytes(tiny_model.read_bytes())
    committed.with_suffix(".json").write_text('{"nme": 0.06}')
    monkeypatch.setattr(default_model, "PRETRAINED", committed)
    monkeypatch.setattr(default_model, "_PIPELINES", (root, contenders))
    assert default_model.model_file(None) == committed, "no model was evaluated"
    for pipeline, model in zip((root, contenders), models, strict=True):
        source = pipeline / "data/raw/ibug/source.json"
        scores = pipeline / "metrics/scores/own.json"
        for path in (source, scores):
            path.parent.mkdir(parents=True)
        for faces, nme, expected in (
            ("rendered", 0.01, committed),
            ("public", 0.07, committed),
            ("public", 0.05, model),
        ):
            source.write_text(json.dumps({"source": faces}))
            scores.write_text(json.dumps({"nme": nme}))
            assert default_model.model_file(None) == expected
        source.write_text('{"source": "rendered"}')
    committed.unlink()
    (root / "metrics/scores/own.json").write_text('{"nme": 0.04}')
    assert default_model.model_file(None) == models[0]
    (root / "models/damaged.safetensors").touch()
    (root / "models/._own.safetensors").touch()
    (contenders / "metrics/scores/own.json").write_text("<<<<<<< HEAD")
    capsys.readouterr()
    assert default_model.model_file(None) == models[0]
    damaged, conflict = capsys.readouterr().err.splitlines()
    assert "damaged.safetensors: not a model of this project" in damaged
    assert "own.json: not read" in conflict


def test_the_content_of_a_file_decides_what_runs_it(tiny_model: Path, tmp_path: Path) -> None:
    export = default_model.ROOT / "pretrained/wild.onnx"
    for content, expected in ((tiny_model, "tiny"), (export, "mobile_wild")):
        for name in ("model", "MODEL.ONNX", "model.SAFETENSORS"):
            (tmp_path / name).write_bytes(content.read_bytes())
            info, _ = default_model.open_model(
                default_model.model_file(str(tmp_path / name)), "cpu"
            )
            assert info.name == expected


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("own", "models/own.safetensors"),
        ("own.half", "models/own.half.safetensors"),
        ("own.2of5", "models/own_folds/own.2of5.safetensors"),
        ("own", "contenders/models/own.safetensors"),
        ("wild", "pretrained/wild.safetensors"),
        ("other", "pretrained/other.safetensors"),
    ],
)
def test_a_model_is_found_by_its_name(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_model, "_PIPELINES", (tmp_path, tmp_path / "contenders"))
    monkeypatch.setattr(default_model, "PRETRAINED", tmp_path / "pretrained/wild.safetensors")
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert default_model.model_file(name) == tmp_path / file
