"""Model files: what they contain, and files that are not models."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_models import (
    HEATMAP,
    OWN_MODELS,
    RESNET,
    build,
    change_weights,
    have_equal_weights,
    info_for,
    noise_images,
    task_for,
)
from workspace import ROOT

from keypoints.models.checkpoint import ModelFileError, read_info
from keypoints.models.predict import check_compatible, load_model, save_model
from keypoints.models.settings import ModelSettings


@pytest.mark.parametrize(
    "model", [OWN_MODELS["nose_net"], RESNET, HEATMAP], ids=["nose_net", "regression", "heatmap"]
)
def test_a_saved_model_has_equal_settings_weights_and_predictions(
    model: ModelSettings, tmp_path: Path
):
    task = task_for(model).model_copy(update={"points": "all"})
    info = info_for(model).model_copy(update={"task": task})
    network, path = build(model, n_points=58), tmp_path / "new folder" / "model.safetensors"
    change_weights(network)
    save_model(path, network, info)
    trained = load_model(path)
    assert trained.info == info == read_info(path)
    assert type(trained.info.model) is type(model)
    assert have_equal_weights(trained.network, network)
    assert not trained.network.training
    with torch.inference_mode():
        images = noise_images(model)
        assert torch.equal(trained.network(images), network.eval()(images))


@pytest.fixture
def nose_file(tmp_path: Path) -> Path:
    model = OWN_MODELS["nose_net_16ch"]
    path = tmp_path / "nose.safetensors"
    save_model(path, build(model, n_points=1), info_for(model))
    return path


def test_the_metadata_has_the_settings_as_json(nose_file: Path):
    with safe_open(nose_file, "pt") as file:
        settings = json.loads(file.metadata()["settings"])
    assert settings["lr"] == 1e-5
    assert settings["model"]["kernel_sizes"] == [7, 7, 5]
    assert settings["task"]["height"] == 60
    assert settings["augment"] == {"translate": 4.0}
    assert settings["optim"] == {"ema": 0.9}


def test_the_settings_are_read_without_torch(nose_file: Path):
    code = (
        "import sys; from pathlib import Path; from keypoints.models.checkpoint import read_info\n"
        "print(read_info(Path(sys.argv[1])).model.architecture, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(nose_file)]
    done = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["nose_net", "False"]


@pytest.mark.parametrize("name", ["sharp_224", "sharp_256", "rendered_256", "wild"])
def test_the_committed_models_have_settings_of_this_version(name: str):
    assert read_info(ROOT / f"pretrained/{name}.safetensors").model.architecture == "heatmap"


def test_a_missing_model_file_names_the_stage(tmp_path: Path):
    with pytest.raises(ModelFileError, match=r"none\.safetensors: no such file; .*train@none"):
        load_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\xff" * 64, b"\0" * 64])
def test_a_file_that_is_not_a_model_is_an_error(tmp_path: Path, content: bytes):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for read in (load_model, read_info):
        with pytest.raises(ModelFileError, match=r"model\.safetensors: not a model"):
            read(path)


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.999])
def test_a_truncated_model_file_is_an_error(nose_file: Path, fraction: float):
    content = nose_file.read_bytes()
    nose_file.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(ModelFileError, match=r"nose\.safetensors: not a model"):
        load_model(nose_file)


@pytest.mark.parametrize(
    ("text", "replacement"),
    [
        ('"seed":3', '"sede":3'),
        ('"height":60', '"height":90'),  # does not fit the sizes of the weights
        ('"architecture":"nose_net"', '"architecture":"nose_nets"'),
        ('"scheme":"imm58"', '"scheme":"wflw98"'),
        ("}", ""),
    ],
)
def test_settings_that_do_not_fit_are_an_error(nose_file: Path, text: str, replacement: str):
    with safe_open(nose_file, "pt") as file:
        settings = file.metadata()["settings"]
    assert text in settings
    metadata = {"settings": settings.replace(text, replacement)}
    save_file(load_file(nose_file), nose_file, metadata=metadata)
    with pytest.raises(ModelFileError, match=r"nose\.safetensors: not a model"):
        load_model(nose_file)


def test_weights_without_settings_are_not_a_model(nose_file: Path):
    save_file(load_file(nose_file), nose_file)
    with pytest.raises(ModelFileError, match="not a model of this project"):
        load_model(nose_file)


def test_a_model_file_without_one_of_its_weights_is_an_error(nose_file: Path):
    with safe_open(nose_file, "pt") as file:
        metadata = file.metadata()
    weights = load_file(nose_file)
    weights.popitem()
    save_file(weights, nose_file, metadata=metadata)
    with pytest.raises(ModelFileError, match="not a model of this project"):
        load_model(nose_file)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("nose_net", {}, "model nose_net: its file has model; run `dvc repro train@nose_net`"),
        ("model", {"height": 61}, "trained on crops of height 60; .* nose have 61;"),
        ("model", {"colour": True}, "trained on crops of colour False; .* nose have True;"),
        ("model", {"scheme": "ibug68"}, "crops of scheme imm58; .* nose have ibug68;"),
    ],
)
def test_a_model_of_another_name_or_crop_format_is_an_error(
    nose_file: Path, name: str, changes: dict[str, object], message: str
):
    trained = load_model(nose_file)
    check_compatible(trained, "model", trained.info.crop_format)
    with pytest.raises(ModelFileError, match=message):
        check_compatible(trained, name, replace(trained.info.crop_format, **changes))
