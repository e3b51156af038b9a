"""Exports: onnxruntime predicts what torch predicts, and needs no torch."""

import errno
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
from keypoints.crops.format import Task
from keypoints.export.onnx import write_onnx
from keypoints.models.build import build_network, read_model_settings
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


def random_crops(info: ModelInfo, n_faces: int) -> np.ndarray:
    shape = (n_faces, *info.task.input_size, info.task.channels)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", ["resnet18", "face_net"])
def test_onnxruntime_predicts_what_torch_predicts(
    name: str, params: Params, tmp_path: Path
) -> None:
    model = read_model_settings(params, name)
    task = params.entry("tasks", model.task, Task)
    scheme = {"wild": "ibug68", "face": "imm58"}[model.task]
    settings = ModelInfo(name=name, seed=1, lr=1e-3, scheme=scheme, model=model, task=task)
    network = build_network(model, task, len(settings.points), seed=1).eval()
    save_model(tmp_path / "model.safetensors", network, settings)
    trained = load_model(tmp_path / "model.safetensors")
    write_onnx(tmp_path / "model.onnx", trained)
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "model.onnx"}
    info, load = open_onnx(tmp_path / "model.onnx")
    assert info == trained.info
    crops = random_crops(info, 3)
    plain = torch_predictor(trained, torch.device("cpu")).run(crops)
    assert np.ptp(plain, axis=0).max() > 1e-4, "the points should depend on the pixels"
    for n_faces in (1, 3):
        landmarks = load().run(crops[:n_faces])
        assert landmarks.shape == (n_faces, len(info.points), 2)
        assert np.abs(landmarks - plain[:n_faces]).max() < 1e-4


def test_an_export_annotates_without_torch(exported: Path, tmp_path: Path) -> None:
    Image.new("RGB", (200, 150), "grey").save(tmp_path / "me.png")
    script = [str(SRC / "annotate.py"), "me.png", "--box", "50,40,80,80", "--model", str(exported)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False False"
    face = json.loads((tmp_path / "annotated/me.json").read_text())["faces"][0]
    assert face["box"] == [50, 40, 130, 120]
    assert len(face["points"]) == 68


def test_the_export_beside_a_model_is_used_unless_its_weights_differ(
    exported: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [Path(shutil.copy(path, tmp_path)) for path in (tiny_model, exported)]
    crops = random_crops(read_info(tiny_model), 1)
    _, load = open_model(copies[0], "auto")
    assert "onnx" in load().run.__module__
    _, load = open_model(copies[0], "cpu")
    assert "torch" in load().run.__module__
    assert capsys.readouterr().err == ""
    trained = load_model(tiny_model)
    save_model(copies[0], trained.network, trained.info.model_copy(update={"seed": 2}))
    _, load = open_model(copies[0], "auto")
    assert load().run(crops).shape == (1, 68, 2)
    assert "tiny.onnx: not an export of the weights in" in capsys.readouterr().err


def test_the_committed_network_has_its_export_beside_it() -> None:
    info, load = open_onnx(PRETRAINED.with_suffix(".onnx"), model=PRETRAINED)
    crops = random_crops(info, 2)
    by_torch = torch_predictor(load_model(PRETRAINED), torch.device("cpu")).run(crops)
    assert np.abs(load().run(crops) - by_torch).max() < 1e-4
    sizes = [PRETRAINED.with_suffix(suffix).stat().st_size for suffix in (".onnx", ".safetensors")]
    assert max(sizes) < 6e6


def test_half_precision_halves_the_file_and_loads_as_float32(
    tiny_model: Path, tmp_path: Path
) -> None:
    export.main([str(tiny_model), "--half", "--out", str(tmp_path / "half.safetensors")])
    half, whole = load_model(tmp_path / "half.safetensors"), load_model(tiny_model)
    assert {weights.dtype for weights in half.network.parameters()} == {torch.float32}
    crops = random_crops(half.info, 2)
    predictors = [torch_predictor(model, torch.device("cpu")) for model in (half, whole)]
    landmarks = [predictor.run(crops) for predictor in predictors]
    assert np.abs(landmarks[0] - landmarks[1]).max() < 2e-3
    sizes = [path.stat().st_size for path in (tmp_path / "half.safetensors", tiny_model)]
    assert sizes[0] < 0.6 * sizes[1]


def test_the_metadata_are_read_without_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(tiny_model.read_bytes()[:-100])
    assert read_info(cut) == load_model(tiny_model).info


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("broken.onnx", b"not a model", "not an export of this project"),
        ("empty.onnx", b"", "not an export of this project"),
        ("none.onnx", None, "no such file; write it with `python src/export.py MODEL`"),
        ("none.safetensors", None, "no such file; train the model"),
        ("other.safetensors", save({"a": torch.zeros(1)}), "it has no settings"),
    ],
)
def test_a_file_that_is_not_a_model_is_rejected_by_name(
    name: str, content: bytes | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=f"{name}: .*{problem}"):
        open_model(path, "cpu")


def test_an_export_contains_no_path_of_this_machine(exported: Path) -> None:
    for path in (exported, PRETRAINED.with_suffix(".onnx")):
        content = path.read_bytes()
        assert str(ROOT).encode() not in content
        assert b".py" not in content


def test_onnxruntime_collects_no_telemetry(tmp_path: Path) -> None:
    """It would store events in the user's cache until they are sent."""
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
def test_an_export_has_the_suffix_of_its_format(
    name: str, options: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=f"--out .*{name}: must be a "):
        export.main([str(tiny_model), "--out", str(tmp_path / name), *options])
    assert not (tmp_path / name).exists()


def test_an_export_cannot_be_exported(exported: Path, capsys) -> None:
    with pytest.raises(
        SystemExit,
        match="an export already, or no model file; give the .safetensors file",
    ):
        export.main([str(exported)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "MODEL is required unless --web is given"),
        (["tiny", "--web", "demo", "--out", "x.onnx"], "--out cannot be combined with --web"),
        (["tiny", "--web", "demo", "--half"], "not allowed with argument"),
    ],
)
def test_contradicting_options_are_rejected(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        export.main(arguments)
    assert message in capsys.readouterr().err


def test_a_failed_export_leaves_the_previous_file(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "half.safetensors"
    out.write_bytes(b"previous")
    monkeypatch.setattr(Path, "replace", _fail)
    with pytest.raises(SystemExit, match="No space left on device"):
        export.main([str(tiny_model), "--half", "--out", str(out)])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"previous"]


def _fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_other_users_can_read_a_model_file(tiny_model: Path, tmp_path: Path) -> None:
    trained, plain = load_model(tiny_model), tmp_path / "plain"
    save_model(tmp_path / "model.safetensors", trained.network, trained.info)
    plain.touch()
    assert (tmp_path / "model.safetensors").stat().st_mode == plain.stat().st_mode
