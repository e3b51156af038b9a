"""Exported networks say what torch's say, and need no torch to say it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

import export
from keypoints.annotation.default_model import PRETRAINED, ROOT, open_model
from keypoints.annotation.onnx_predictor import open_onnx
from keypoints.annotation.torch_predictor import torch_predictor
from keypoints.config.params import Params
from keypoints.export.onnx import write_onnx
from keypoints.models.build import build_network
from keypoints.models.checkpoint import ModelFileError, ModelInfo, read_info
from keypoints.models.predict import load_model, save_model

SRC = Path(__file__).parents[2] / "src"
WITHOUT_TORCH = """
import pathlib, runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(sys.argv[0]).parent))
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("torch" in sys.modules, "timm" in sys.modules, "pandas" in sys.modules)
"""


@pytest.fixture(scope="module")
def exported(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    export.main([str(tiny_model), "--out", str(path)])
    return path


def crops_for(settings: ModelInfo, n_faces: int) -> np.ndarray:
    shape = (n_faces, *settings.task.input_size, settings.task.channels)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", ["resnet18", "face_net"])
def test_onnxruntime_says_what_torch_says(name: str, params: Params, tmp_path: Path) -> None:
    model = params.model(name)
    task, scheme = params.task(model.task), {"wild": "ibug68", "face": "imm58"}[model.task]
    settings = ModelInfo(name=name, seed=1, lr=1e-3, scheme=scheme, model=model, task=task)
    network = build_network(model, task, len(settings.points), seed=1).eval()
    save_model(tmp_path / "model.safetensors", network, settings)
    trained = load_model(tmp_path / "model.safetensors")
    write_onnx(tmp_path / "model.onnx", trained)
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "model.onnx"}
    read, load = open_onnx(tmp_path / "model.onnx")
    assert read == settings
    crops = crops_for(settings, 3)
    plain = torch_predictor(trained, torch.device("cpu")).run(crops)
    assert np.ptp(plain, axis=0).max() > 1e-4, "the points depend on the pixels"
    for n_faces in (1, 3):
        answer = load().run(crops[:n_faces])
        assert answer.shape == (n_faces, len(settings.points), 2)
        assert np.abs(answer - plain[:n_faces]).max() < 1e-4


def test_an_export_annotates_without_torch(exported: Path, tmp_path: Path) -> None:
    Image.new("RGB", (200, 150), "grey").save(tmp_path / "me.png")
    script = [str(SRC / "annotate.py"), "me.png", "--box", "50,40,80,80", "--onnx", str(exported)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False False"
    face = json.loads((tmp_path / "annotated/me.json").read_text())["faces"][0]
    assert face["box"] == [50, 40, 130, 120]
    assert len(face["points"]) == 68


def test_the_export_beside_a_model_is_taken_unless_it_is_of_other_weights(
    exported: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [Path(shutil.copy(path, tmp_path)) for path in (tiny_model, exported)]
    crops = crops_for(read_info(tiny_model), 1)
    _, load = open_model(copies[0], "auto")
    assert "onnx" in load().run.__module__
    _, load = open_model(copies[0], "cpu")
    assert "torch" in load().run.__module__
    assert capsys.readouterr().err == ""
    trained = load_model(tiny_model)
    save_model(copies[0], trained.network, trained.settings.model_copy(update={"seed": 2}))
    _, load = open_model(copies[0], "auto")
    assert load().run(crops).shape == (1, 68, 2)
    assert "tiny.onnx: an export of other weights than" in capsys.readouterr().err


def test_the_committed_network_has_its_export_beside_it(tmp_path: Path) -> None:
    settings, load = open_onnx(PRETRAINED.with_suffix(".onnx"), of=PRETRAINED)
    crops = crops_for(settings, 2)
    by_torch = torch_predictor(load_model(PRETRAINED), torch.device("cpu")).run(crops)
    assert np.abs(load().run(crops) - by_torch).max() < 1e-4
    sizes = [PRETRAINED.with_suffix(suffix).stat().st_size for suffix in (".onnx", ".safetensors")]
    assert max(sizes) < 6e6


def test_half_precision_is_half_the_file_and_loads_as_whole(
    tiny_model: Path, tmp_path: Path
) -> None:
    export.main([str(tiny_model), "--half", "--out", str(tmp_path / "half.safetensors")])
    half, whole = load_model(tmp_path / "half.safetensors"), load_model(tiny_model)
    assert {weights.dtype for weights in half.network.parameters()} == {torch.float32}
    crops = crops_for(half.settings, 2)
    answers = [torch_predictor(model, torch.device("cpu")).run(crops) for model in (half, whole)]
    assert np.abs(answers[0] - answers[1]).max() < 2e-3
    sizes = [path.stat().st_size for path in (tmp_path / "half.safetensors", tiny_model)]
    assert sizes[0] < 0.6 * sizes[1]


def test_settings_are_read_without_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(tiny_model.read_bytes()[:-100])
    assert read_info(cut) == load_model(tiny_model).settings


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("broken.safetensors", b"no model at all", "not a model of this project"),
        ("broken.onnx", b"no model at all", "not an export of this project"),
        ("empty.onnx", b"", "not an export of this project"),
        ("none.safetensors", None, "no such file; train the model"),
        ("none.onnx", None, "no such file; write it with `python src/export.py MODEL`"),
        ("other.safetensors", save({"a": torch.zeros(1)}), "it carries no settings"),
    ],
)
def test_what_is_no_model_is_refused_by_name(
    name: str, content: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=f"{name}: .*{said}"):
        open_model(path, "cpu")
    if path.suffix == ".safetensors":
        with pytest.raises(ModelFileError, match=f"{name}: .*{said}"):
            load_model(path)


def test_an_export_names_no_file_of_this_machine(exported: Path) -> None:
    for path in (exported, PRETRAINED.with_suffix(".onnx")):
        content = path.read_bytes()
        assert str(ROOT).encode() not in content
        assert b".py" not in content


def test_onnxruntime_sends_nothing_to_its_maker(tmp_path: Path) -> None:
    """It would note events in the user's cache until they are sent."""
    code = f"""
import sys; sys.path.insert(0, {str(ROOT / "src")!r})
from pathlib import Path
from keypoints.annotation.onnx_predictor import open_onnx
open_onnx(Path({str(PRETRAINED.with_suffix(".onnx"))!r}))
"""
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "options"), [("m.safetensors", []), ("m.onnx", ["--half"])])
def test_an_export_has_the_ending_of_its_kind(
    name: str, options: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=f"--out .*{name}: should be another file"):
        export.main([str(tiny_model), "--out", str(tmp_path / name), *options])
    assert not (tmp_path / name).exists()


def test_an_export_is_not_exported_again(exported: Path, capsys) -> None:
    with pytest.raises(SystemExit, match="is an export; say the .safetensors file of its model"):
        export.main([str(exported)])


def test_others_may_read_a_model_file(tiny_model: Path, tmp_path: Path) -> None:
    trained, plain = load_model(tiny_model), tmp_path / "plain"
    save_model(tmp_path / "model.safetensors", trained.network, trained.settings)
    plain.touch()
    assert (tmp_path / "model.safetensors").stat().st_mode == plain.stat().st_mode
