"""Architectures by name, and settings that a network cannot be built with."""

from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from small_models import N_POINTS, OWN_MODELS, RESNET, SAME_PADDED, TINY_WILD, build, read_task
from workspace import ROOT

from keypoints.config.messages import SettingsError
from keypoints.config.params import Params, read_params
from keypoints.models.build import (
    architecture_names,
    build_network,
    find_architecture,
    read_model_settings,
)


def changed_params(tmp_path: Path, **changes: object) -> Params:
    """The committed settings with changes of nose_net."""
    yaml = YAML(typ="safe")
    values = yaml.load((ROOT / "params.yaml").read_text())
    values["models"]["nose_net"] |= changes
    with (tmp_path / "params.yaml").open("w") as file:
        yaml.dump(values, file)
    return read_params(tmp_path / "params.yaml")


def test_architectures_are_the_packages_of_their_folder():
    folders = [path.parent.name for path in ROOT.glob("src/keypoints/architectures/*/__init__.py")]
    assert architecture_names() == sorted(folders)
    for name in folders:
        architecture = find_architecture(name)
        assert set(architecture.SETTINGS.model_fields) >= {"task", "architecture", "loss"}
        assert callable(architecture.build)


def test_an_unknown_architecture_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(SettingsError) as caught:
        read_model_settings(changed_params(tmp_path, architecture="nose_nets"), "nose_net")
    assert str(caught.value).endswith(
        "params.yaml: models.nose_net.architecture must be one of face_net, heatmap, nose_net, "
        "regression; got 'nose_nets'"
    )


def test_a_setting_of_another_architecture_is_unknown(tmp_path: Path):
    params = changed_params(tmp_path, backbone="resnet18")
    with pytest.raises(SettingsError, match=r"models\.nose_net\.backbone is not a setting"):
        read_model_settings(params, "nose_net")


def test_an_unknown_model_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(
        SettingsError, match="models has no 'nosenet'; it has face_net, heatmap_net"
    ):
        read_model_settings(changed_params(tmp_path), "nosenet")


@pytest.mark.parametrize("name", ["nose_net", "face_net"])
def test_an_input_that_is_too_small_is_an_error(name: str):
    model = OWN_MODELS[name]
    task = read_task(model.task).model_copy(update={"height": 20, "width": 20})
    with pytest.raises(SettingsError, match=r"an input of \(20, 20\) px is too small"):
        build_network(model, task, 1, seed=1)


def test_a_backbone_can_pad_like_tensorflow():
    padded = {type(module).__name__ for module in build(SAME_PADDED).modules()}
    assert "Conv2dSame" in padded
    plain = SAME_PADDED.model_copy(update={"pad_type": None})
    assert "Conv2dSame" not in {type(module).__name__ for module in build(plain).modules()}


def test_a_pad_type_that_a_backbone_does_not_support_is_an_error():
    with pytest.raises(SettingsError, match="resnet18.*pad_type"):
        build(RESNET.model_copy(update={"pad_type": "same"}))


def test_an_unknown_backbone_lists_similar_ones():
    with pytest.raises(
        SettingsError, match=r"no backbone 'resnet19'; did you mean .*resnet18.*\?$"
    ):
        build(RESNET.model_copy(update={"backbone": "resnet19"}))


def test_an_unknown_tag_of_weights_is_an_error():
    with pytest.raises(SettingsError, match=r"backbone resnet18\.nobody: .*nobody"):
        build(RESNET.model_copy(update={"backbone": "resnet18.nobody"}))


def test_an_unknown_backbone_without_similar_ones_names_timms_list():
    with pytest.raises(SettingsError, match=r"no backbone '7'; see timm\.list_models\(\)$"):
        build(RESNET.model_copy(update={"backbone": "7"}))


def test_a_backbone_of_one_fixed_size_is_built_for_the_tasks():
    network = build(RESNET.model_copy(update={"backbone": "vit_tiny_patch16_224"})).eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, N_POINTS, 2)


def test_an_input_size_that_a_backbone_does_not_accept_is_an_error_before_training():
    task = TINY_WILD.model_copy(update={"height": 8, "width": 8})
    model = RESNET.model_copy(update={"backbone": "vgg11"})
    with pytest.raises(
        SettingsError, match=r"regression on vgg11 does not accept an input of \(8, 8\) px"
    ):
        build_network(model, task, N_POINTS, seed=1)
