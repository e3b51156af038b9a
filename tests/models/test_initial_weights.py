"""Initial weights from files: of a backbone, and of a model of this project."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as to_bytes
from safetensors.torch import save_file
from small_models import (
    HEATMAP,
    N_POINTS,
    OWN_MODELS,
    RESNET,
    SMALL,
    TINY_WILD,
    build,
    have_equal_weights,
    info_for,
    save_trained,
)

from keypoints.config.messages import SettingsError
from keypoints.core.landmarks import IMM_58
from keypoints.core.weights_folder import weights_problem
from keypoints.models.build import build_network
from keypoints.models.predict import save_model
from keypoints.models.settings import ModelSettings


@pytest.fixture(scope="module")
def small_weights() -> dict[str, torch.Tensor]:
    """The weights of a mobilenetv3_small_100, including its classifier of 1000 classes."""
    import timm

    torch.manual_seed(1)
    return timm.create_model("mobilenetv3_small_100").state_dict()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("save", [save_file, torch.save])
def test_all_weights_of_a_backbone_are_loaded_except_the_last_layer(
    small_weights: dict[str, torch.Tensor], tmp_path: Path, suffix: str, save
):
    """The format is that of the content, whatever the suffix."""
    path = tmp_path / f"weights{suffix}"
    save(small_weights, path)
    network = build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=path)
    own = network.body.state_dict()
    changed = [name for name in own if not torch.equal(own[name], small_weights[name])]
    assert changed == ["classifier.weight", "classifier.bias"]
    assert own["classifier.bias"].shape == (2 * N_POINTS,)


def test_weights_of_another_backbone_are_refused(
    small_weights: dict[str, torch.Tensor], tmp_path: Path
):
    path = tmp_path / "weights.safetensors"
    save_file(small_weights, path)
    with pytest.raises(SettingsError, match="not the weights of this backbone"):
        build_network(RESNET, TINY_WILD, N_POINTS, seed=1, weights=path)


def test_weights_with_other_names_are_refused_rather_than_ignored(tmp_path: Path):
    own = build(RESNET).body.state_dict()
    path = tmp_path / "weights.safetensors"
    save_file({f"module.{key}": value.contiguous() for key, value in own.items()}, path)
    with pytest.raises(SettingsError, match="not the weights of this backbone"):
        build_network(RESNET, TINY_WILD, N_POINTS, seed=1, weights=path)


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1], {1: torch.zeros(1)}, torch.zeros(1)])
def test_a_pth_that_is_not_a_state_dict_is_refused(tmp_path: Path, content: object):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(SettingsError, match=r"weights\.pth: should contain tensors by name"):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=tmp_path / "weights.pth")


class TouchesAFile:
    """Pickled code: unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def save_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("save", [torch.save, save_pickle])
def test_code_in_a_pickle_is_refused_and_not_executed(tmp_path: Path, save):
    path, created = tmp_path / "weights.pth", tmp_path / "created by the pickle"
    save({"conv1.weight": TouchesAFile(created)}, path)
    with pytest.raises(SettingsError, match=r"weights\.pth"):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=path)
    assert not created.exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_damaged_weights_are_refused_by_name(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=name):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=tmp_path / name)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<!DOCTYPE html><title>404</title>", "neither a .safetensors nor a .pth file; it begins"),
        (b"", "neither a .safetensors nor a .pth file"),
        (b"\xff\0\0\0\0\0\0\0{}", "neither"),  # its header would be longer than the file
        (b"PK\x03\x04 and so on", "a truncated .pth file"),
        (b"\x02\0\0\0\0\0\0\0{]", "a .safetensors file with a damaged header"),
        (to_bytes({"a": torch.ones(3)})[:-1], "bytes where its header declares"),
        (to_bytes({"a": torch.ones(3)}, {"b": "c"}), ""),
        (to_bytes({}), ""),
        (b"\x80\x02 an older pickle", ""),
    ],
)
def test_a_file_that_is_no_whole_weights_file_is_described(
    tmp_path: Path, content: bytes, problem: str
):
    (tmp_path / "weights").write_bytes(content)
    found = weights_problem(tmp_path / "weights")
    assert problem in found if problem else not found


@pytest.mark.parametrize("model", [SMALL, HEATMAP], ids=["regression", "heatmap"])
def test_a_model_of_the_same_kind_is_loaded_completely(tmp_path: Path, model: ModelSettings):
    path = tmp_path / "trained.safetensors"
    trained = save_trained(model, path)
    network = build_network(model, TINY_WILD, 58, seed=1, weights=path)
    assert have_equal_weights(network, trained)


@pytest.mark.parametrize(
    ("model", "last"),
    [(SMALL, "body.classifier."), (HEATMAP, "body.head.1.")],
    ids=["regression", "heatmap"],
)
def test_the_last_layer_of_a_model_with_other_points_is_not_loaded(
    tmp_path: Path, model: ModelSettings, last: str
):
    path = tmp_path / "trained.safetensors"
    trained = save_trained(model, path).state_dict()
    network = build_network(model, TINY_WILD, N_POINTS, seed=1, weights=path)
    own, first = network.state_dict(), build(model, seed=1).state_dict()
    for name, value in own.items():
        assert torch.equal(value, (first if name.startswith(last) else trained)[name]), name


@pytest.mark.parametrize("model", [SMALL, HEATMAP], ids=["regression", "heatmap"])
def test_a_last_layer_for_other_points_starts_as_a_mean_of_the_nearest_ones(
    tmp_path: Path, model: ModelSettings
):
    path = tmp_path / "trained.safetensors"
    trained = save_trained(model, path, n_points=68).eval()
    network = build_network(model, TINY_WILD, 58, seed=1, weights=path, scheme=IMM_58).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        source, predicted = trained(images), network(images)
    torch.testing.assert_close(predicted[:, [13, 21, 33, 43]], source[:, [45, 36, 26, 54]])
    if model is SMALL:  # the peak of a mean of maps is not the mean of their peaks
        torch.testing.assert_close(predicted[:, 15], source[:, [43, 44]].mean(dim=1))


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (RESNET, "regression on resnet18, from which regression on mobilenetv3_small_100 cannot"),
        (OWN_MODELS["nose_net"], "nose_net, from which regression on mobilenetv3_small_100 cannot"),
    ],
    ids=["another backbone", "another architecture"],
)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, other: ModelSettings, kind: str):
    path = tmp_path / "trained.safetensors"
    save_model(path, build(other), info_for(other))
    with pytest.raises(SettingsError, match=rf"trained\.safetensors: contains a .* kind {kind}"):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=path)


def test_a_model_for_another_input_is_refused_with_the_layer_that_does_not_fit(tmp_path: Path):
    path = tmp_path / "trained.safetensors"
    save_trained(SMALL, path)
    grayscale = TINY_WILD.model_copy(update={"colour": False})
    one_channel = SMALL.model_copy(update={"mean": [0.5], "std": [1.0]})
    with pytest.raises(
        SettingsError, match=r"not fit this network: body\.conv_stem\.weight .*1 such"
    ):
        build_network(one_channel, grayscale, N_POINTS, seed=1, weights=path)
