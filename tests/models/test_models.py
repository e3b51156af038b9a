"""One contract for every network, the exact sizes of those of the write-up, and their files."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from keypoints.config.data import Task
from keypoints.config.messages import SettingsError
from keypoints.config.models import (
    BackboneSettings,
    HeatmapModel,
    ModelSettings,
    OptimSettings,
    RegressionSettings,
)
from keypoints.config.params import read_params
from keypoints.core.landmarks import IMM_58, SCHEMES
from keypoints.core.weights_folder import is_weights
from keypoints.crops.batches import Batch
from keypoints.models.build import build_network
from keypoints.models.network import LandmarkNetwork
from keypoints.models.predict import (
    ModelFileError,
    ModelInfo,
    check_compatible,
    load_model,
    save_model,
)
from keypoints.training.checkpoint import CheckpointFile, TrainState
from keypoints.training.loop import DivergenceError, save_last_good
from keypoints.training.losses import LOSSES
from keypoints.training.trainer import Trainer

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")
CPU = torch.device("cpu")
N_POINTS = 5

RESNET = PARAMS.models["resnet18"]
assert isinstance(RESNET, RegressionSettings)
# 32 px are enough for a backbone, and quick
TINY_WILD = PARAMS.tasks["wild"].model_copy(update={"height": 32, "width": 32, "margin": 0})
SMALL = RESNET.model_copy(update={"backbone": "mobilenetv3_small_100"})
SAME_PADDED = RESNET.model_copy(update={"backbone": "mobilenetv2_100", "pad_type": "same"})

CONTENDERS = read_params(Path(__file__).parents[2] / "contenders/params.yaml").models
HEATMAP = CONTENDERS["mobile_heatmap"]
assert isinstance(HEATMAP, HeatmapModel)

OF_CONTENDERS = ("mobile_heatmap", "quick_128", "pip_128", "mobile_wild")  # one of each network
MODELS: dict[str, ModelSettings] = {
    **PARAMS.models,
    **{name: CONTENDERS[name] for name in OF_CONTENDERS},
    "heat maps on resnet18": HEATMAP.model_copy(update={"backbone": "resnet18", "pad_type": None}),
    "mobilenetv3_small_100": SMALL,
    "mobilenetv2_100 as TensorFlow pads": SAME_PADDED,
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def task_of(model: ModelSettings) -> Task:
    return TINY_WILD if isinstance(model, BackboneSettings) else PARAMS.tasks[model.task]


def build(model: ModelSettings, *, seed: int = 1, n_points: int = N_POINTS) -> LandmarkNetwork:
    return build_network(model, task_of(model), n_points, seed=seed)


def tiny_batch(model: ModelSettings) -> Batch:
    """Three faces of noise."""
    task, rng = task_of(model), np.random.default_rng(1)
    images = rng.integers(0, 256, (3, *task.input_size, task.channels), dtype=np.uint8)
    landmarks_unit = rng.uniform(0.2, 0.8, (3, N_POINTS, 2)).astype(np.float32)
    return Batch(images, landmarks_unit, np.tile(np.eye(2, 3), (3, 1, 1)), None)


def tiny_images(model: ModelSettings) -> torch.Tensor:
    return torch.from_numpy(tiny_batch(model).images).permute(0, 3, 1, 2) / 255


def settings_of(model: ModelSettings, *, n_points: int = 58) -> ModelInfo:
    scheme = next(scheme.name for scheme in SCHEMES.values() if scheme.n_points == n_points)
    return ModelInfo(name="model", seed=3, lr=1e-5, scheme=scheme, model=model, task=task_of(model))


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@every_model
def test_network_gives_every_face_its_points(model: ModelSettings):
    network = build(model).eval()
    with torch.inference_mode():
        predicted = network(tiny_images(model))
    assert predicted.shape == (3, N_POINTS, 2)
    assert torch.isfinite(predicted).all()


@every_model
def test_training_step_lowers_the_loss(model: ModelSettings):
    network, batch = build(model).train(), tiny_batch(model)
    learner = Trainer(network, LOSSES["mse"], OptimSettings(), CPU)
    learner.set_lr(1e-4)
    first, _ = learner.step(batch)
    second, _ = learner.step(batch)
    assert second < first


@every_model
def test_first_weights_are_a_function_of_the_seed(model: ModelSettings):
    torch.manual_seed(7)
    network = build(model, seed=1)
    torch.manual_seed(8)
    assert same_weights(network, build(model, seed=1))
    assert not same_weights(network, build(model, seed=2))


@pytest.mark.parametrize("model", [*PARAMS.models.values(), SMALL], ids=[*PARAMS.models, "small"])
def test_first_predictions_lie_near_the_mean_shape(model: ModelSettings):
    mean_unit = np.random.default_rng(1).uniform(0.2, 0.8, (N_POINTS, 2))
    at_mean = build_network(model, task_of(model), N_POINTS, seed=1, mean_unit=mean_unit)
    with torch.inference_mode():
        images = tiny_images(model)
        first, in_the_middle = (net.eval()(images).numpy() for net in (at_mean, build(model)))
    assert np.abs(first - mean_unit).mean() < 0.1
    np.testing.assert_allclose(first - in_the_middle, [mean_unit - 0.5] * 3, atol=1e-6)


@every_model
def test_building_leaves_torchs_own_chance_alone(model: ModelSettings):
    before = torch.get_rng_state()
    build(model)
    assert torch.equal(torch.get_rng_state(), before)


@every_model
def test_saved_model_predicts_the_same_with_the_same_settings(model: ModelSettings, tmp_path: Path):
    task = task_of(model).model_copy(update={"points": "all"})
    settings = settings_of(model).model_copy(update={"task": task})
    network, path = build(model, n_points=58), tmp_path / "new folder" / "model.safetensors"
    with torch.no_grad():  # away from the first weights, which the seed alone would give
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.add_(1)
            elif tensor.is_floating_point():
                tensor.add_(0.01)
    save_model(path, network, settings)
    trained = load_model(path)
    assert trained.settings == settings
    assert same_weights(trained.network, network)
    assert not trained.network.training
    with torch.inference_mode():
        images = tiny_images(model)
        assert torch.equal(trained.network(images), network.eval()(images))


def layers(name: str, n_points: int) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """In and out channels and kernel of the convolutions, in and out of the connected layers."""
    model = PARAMS.models[name]
    network = build_network(model, PARAMS.tasks[model.task], n_points, seed=1)
    modules = list(network.modules())
    convolutions = [
        (m.in_channels, m.out_channels, *m.kernel_size) for m in modules if isinstance(m, nn.Conv2d)
    ]
    linear = [(m.in_features, m.out_features) for m in modules if isinstance(m, nn.Linear)]
    return convolutions, linear


@pytest.mark.parametrize(
    ("name", "convolutions", "linear"),
    [
        ("nose_net", [(1, 32, 7, 7), (32, 32, 7, 7), (32, 32, 5, 5)], [(480, 240), (240, 2)]),
        ("nose_net_3x3", [(1, 32, 3, 3), (32, 32, 3, 3), (32, 32, 3, 3)], [(1280, 240), (240, 2)]),
        ("nose_net_16ch", [(1, 16, 7, 7), (16, 16, 7, 7), (16, 16, 5, 5)], [(240, 120), (120, 2)]),
    ],
)
def test_nose_nets_have_the_sizes_of_the_write_up(name: str, convolutions: list, linear: list):
    assert layers(name, 1) == (convolutions, linear)


def test_face_net_has_the_sizes_of_the_write_up():
    convolutions, linear = layers("face_net", 58)
    assert convolutions == [(1, 65, 3, 3)] + [(65, 65, 3, 3)] * 5
    assert linear == [(195, 2000), (2000, 300), (300, 116)]


def test_resnet18_ends_in_136_numbers():
    convolutions, linear = layers("resnet18", 68)
    assert convolutions[0] == (3, 64, 7, 7)
    assert linear == [(512, 136)]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        (
            "nose_net",
            ["Conv2d", "ReLU", "MaxPool2d"] * 3 + ["Flatten", "Linear", "ReLU", "Float32Linear"],
        ),
        (
            "face_net",
            ["Conv2d", "ReLU", "MaxPool2d"] * 5
            + ["Conv2d", "ReLU", "Flatten", "Linear", "ReLU", "Linear", "ReLU", "Float32Linear"],
        ),
    ],
)
def test_own_networks_have_their_layers_in_order(name: str, kinds: list[str]):
    network = build(PARAMS.models[name])
    assert [type(layer).__name__ for layer in network.body.children()] == kinds


def test_grey_input_is_shifted_to_minus_a_half_to_a_half():
    network = LandmarkNetwork(nn.Flatten(), mean=[0.5], std=[1.0])
    pixels = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert network(pixels).tolist() == [[[-0.5, 0.5]]]


def test_each_channel_is_normalised_by_its_own_mean_and_deviation():
    network = LandmarkNetwork(nn.Flatten(), mean=[0.5, 0.25], std=[0.5, 0.25])
    pixels = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    assert network(pixels).tolist() == [[[1.0, 3.0]]]


@pytest.mark.parametrize("name", ["nose_net", "face_net"])
def test_input_that_is_too_small_is_told(name: str):
    model = PARAMS.models[name]
    task = PARAMS.tasks[model.task].model_copy(update={"height": 20, "width": 20})
    with pytest.raises(SettingsError, match=r"an input of \(20, 20\) px is too small"):
        build_network(model, task, 1, seed=1)


def test_backbone_pads_as_tensorflow_does_where_asked():
    padded = {type(module).__name__ for module in build(SAME_PADDED).modules()}
    assert "Conv2dSame" in padded
    plain = SAME_PADDED.model_copy(update={"pad_type": None})
    assert "Conv2dSame" not in {type(module).__name__ for module in build(plain).modules()}


def test_pad_type_that_a_backbone_does_not_take_is_told():
    with pytest.raises(SettingsError, match="resnet18.*pad_type"):
        build(RESNET.model_copy(update={"pad_type": "same"}))


def test_unknown_backbone_names_those_near_it():
    with pytest.raises(SettingsError, match=r"no backbone 'resnet19'; near it: .*resnet18"):
        build(RESNET.model_copy(update={"backbone": "resnet19"}))


def test_unknown_tag_of_weights_is_told():
    with pytest.raises(SettingsError, match=r"backbone resnet18\.nobody: .*nobody"):
        build(RESNET.model_copy(update={"backbone": "resnet18.nobody"}))


def test_unknown_backbone_that_is_near_none_says_so():
    with pytest.raises(SettingsError) as caught:
        build(RESNET.model_copy(update={"backbone": "7"}))
    assert not str(caught.value).endswith("near it: ")


@pytest.fixture(scope="module")
def small_weights() -> dict[str, torch.Tensor]:
    """The weights of a whole mobilenetv3_small_100, classifier of 1000 included."""
    import timm

    torch.manual_seed(1)
    return timm.create_model("mobilenetv3_small_100").state_dict()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_the_same_backbone_are_taken_but_for_the_last_layer(
    small_weights: dict[str, torch.Tensor], tmp_path: Path, suffix: str
):
    path = tmp_path / f"weights{suffix}"
    save_file(small_weights, path) if suffix == ".safetensors" else torch.save(small_weights, path)
    network = build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=path)
    own = network.body.state_dict()
    changed = [name for name in own if not torch.equal(own[name], small_weights[name])]
    assert changed == ["classifier.weight", "classifier.bias"]
    assert own["classifier.bias"].shape == (2 * N_POINTS,)


def saved(model: ModelSettings, path: Path, *, n_points: int = 58) -> LandmarkNetwork:
    """A network away from its first weights, whose file the path names from now on."""
    network = build(model, seed=2, n_points=n_points)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.add_(1)
            elif tensor.is_floating_point():
                tensor.add_(0.01)
    save_model(path, network, settings_of(model, n_points=n_points))
    return network


@pytest.mark.parametrize("model", [SMALL, HEATMAP], ids=["backbone", "heat maps"])
def test_a_trained_model_of_the_project_is_taken_whole_by_one_of_its_kind(
    tmp_path: Path, model: ModelSettings
):
    path = tmp_path / "trained.safetensors"
    trained = saved(model, path)
    network = build_network(model, TINY_WILD, 58, seed=1, weights=path)
    assert same_weights(network, trained)


@pytest.mark.parametrize(
    ("model", "last"), [(SMALL, "body.classifier."), (HEATMAP, "body.head.1.")], ids=["", "maps"]
)
def test_the_last_layer_of_a_trained_model_with_other_points_is_not_taken(
    tmp_path: Path, model: ModelSettings, last: str
):
    path = tmp_path / "trained.safetensors"
    trained = saved(model, path).state_dict()
    network = build_network(model, TINY_WILD, N_POINTS, seed=1, weights=path)
    own, first = network.state_dict(), build(model, seed=1).state_dict()
    for name, value in own.items():
        assert torch.equal(value, (first if name.startswith(last) else trained)[name]), name


@pytest.mark.parametrize("model", [SMALL, HEATMAP], ids=["backbone", "heat maps"])
def test_a_last_layer_for_other_points_begins_as_a_mean_of_the_nearest(
    tmp_path: Path, model: ModelSettings
):
    path = tmp_path / "trained.safetensors"
    trained = saved(model, path, n_points=68).eval()
    network = build_network(model, TINY_WILD, 58, seed=1, weights=path, scheme=IMM_58).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before, now = trained(images), network(images)
    torch.testing.assert_close(now[:, [13, 21, 33, 43]], before[:, [45, 36, 26, 54]])
    if model is SMALL:  # of maps, a mean has its peak between theirs
        torch.testing.assert_close(now[:, 15], before[:, [43, 44]].mean(dim=1))


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        (RESNET, "timm_backbone on resnet18, from which a timm_backbone on mobilenetv3_small_100"),
        (PARAMS.models["nose_net"], "nose_net, from which a timm_backbone on mobilenetv3"),
    ],
    ids=["another backbone", "another architecture"],
)
def test_a_trained_model_of_another_kind_is_refused(
    tmp_path: Path, other: ModelSettings, holds: str
):
    path = tmp_path / "trained.safetensors"
    save_model(path, build(other), settings_of(other))
    with pytest.raises(SettingsError, match=rf"trained\.safetensors: holds a {holds}"):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=path)


def test_a_trained_model_for_another_input_is_refused_by_the_layer_that_does_not_fit(
    tmp_path: Path,
):
    path = tmp_path / "trained.safetensors"
    saved(SMALL, path)
    grey = TINY_WILD.model_copy(update={"colour": False})
    one_channel = SMALL.model_copy(update={"mean": [0.5], "std": [1.0]})
    with pytest.raises(
        SettingsError, match=r"not fit this network: body\.conv_stem\.weight .*1 such"
    ):
        build_network(one_channel, grey, N_POINTS, seed=1, weights=path)


def test_weights_of_another_architecture_are_refused(
    small_weights: dict[str, torch.Tensor], tmp_path: Path
):
    path = tmp_path / "weights.safetensors"
    save_file(small_weights, path)
    with pytest.raises(SettingsError, match="not the weights of this backbone"):
        build_network(RESNET, TINY_WILD, N_POINTS, seed=1, weights=path)


def test_weights_under_other_names_are_refused_and_not_passed_over(tmp_path: Path):
    own = build_network(RESNET, TINY_WILD, N_POINTS, seed=1).body.state_dict()
    path = tmp_path / "weights.safetensors"
    save_file({f"module.{key}": value.contiguous() for key, value in own.items()}, path)
    with pytest.raises(SettingsError, match="not the weights of this backbone"):
        build_network(RESNET, TINY_WILD, N_POINTS, seed=1, weights=path)


class TouchesAFile:
    """Pickled code: unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("what", [{"state_dict": {}}, [1], {1: torch.zeros(1)}, torch.zeros(1)])
def test_pth_that_is_no_state_dict_is_refused(tmp_path: Path, what: object):
    torch.save(what, tmp_path / "weights.pth")
    with pytest.raises(SettingsError, match=r"weights\.pth: should hold tensors by their names"):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=tmp_path / "weights.pth")


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b"<!DOCTYPE html><title>404</title>", False),
        (b"", False),
        (b"PK\x03\x04 and so on", True),
        (b"\x02\0\0\0\0\0\0\0{}", True),
        (b"\xff\0\0\0\0\0\0\0{}", False),  # its header is longer than the file
    ],
)
def test_page_of_an_error_is_not_taken_for_weights(tmp_path: Path, content: bytes, is_one: bool):
    (tmp_path / "weights").write_bytes(content)
    assert is_weights(tmp_path / "weights") is is_one


def test_backbone_of_one_fixed_size_is_built_for_the_task_s():
    network = build(RESNET.model_copy(update={"backbone": "vit_tiny_patch16_224"})).eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, N_POINTS, 2)


def test_input_that_a_backbone_does_not_take_is_told_before_training():
    task = TINY_WILD.model_copy(update={"height": 8, "width": 8})
    model = RESNET.model_copy(update={"backbone": "vgg11"})
    with pytest.raises(SettingsError, match=r"backbone vgg11: does not take .* \(8, 8\) px"):
        build_network(model, task, N_POINTS, seed=1)


def pickle_plainly(what: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(what, protocol=2))


@pytest.mark.parametrize("save", [torch.save, pickle_plainly])
def test_pickle_with_code_in_it_is_refused_and_not_executed(tmp_path: Path, save):
    path, made = tmp_path / "weights.pth", tmp_path / "made by the pickle"
    save({"conv1.weight": TouchesAFile(made)}, path)
    with pytest.raises(SettingsError, match=r"weights\.pth"):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=path)
    assert not made.exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_damaged_weights_are_refused_by_name(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=name):
        build_network(SMALL, TINY_WILD, N_POINTS, seed=1, weights=tmp_path / name)


@pytest.fixture
def nose_file(tmp_path: Path) -> Path:
    model = PARAMS.models["nose_net_16ch"]
    path = tmp_path / "nose.safetensors"
    save_model(path, build(model, n_points=1), settings_of(model))
    return path


def test_model_file_carries_its_settings_as_json(nose_file: Path):
    with safe_open(nose_file, "pt") as file:
        settings = json.loads(file.metadata()["settings"])
    assert settings["lr"] == 1e-5
    assert settings["model"]["architecture"] == "nose_net"
    assert settings["task"]["height"] == 60


def test_last_good_weights_of_a_training_that_broke_are_kept_as_a_model_file(
    nose_file: Path, tmp_path: Path
):
    trained, error = load_model(nose_file), DivergenceError("the loss is nan")
    state = CheckpointFile(tmp_path / "states" / "nose.state")
    assert save_last_good(error, state, trained.network, trained.settings) is error
    error.last_good = TrainState.at_start_of(3)
    told = str(save_last_good(error, state, trained.network, trained.settings))
    kept = tmp_path / "states" / "nose.last_good.safetensors"
    assert told == f"the loss is nan\n{kept}: the last good weights, those after epoch 2"
    assert load_model(kept).settings == trained.settings


def test_missing_model_file_is_told(tmp_path: Path):
    with pytest.raises(ModelFileError, match=r"none\.safetensors: no such file; train the model"):
        load_model(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\xff" * 64, b"\0" * 64])
def test_file_that_is_no_model_is_told(tmp_path: Path, content: bytes):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.safetensors: not a model"):
        load_model(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_model_file_that_is_cut_short_is_told(nose_file: Path, share: float):
    content = nose_file.read_bytes()
    nose_file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=r"nose\.safetensors: not a model"):
        load_model(nose_file)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ('"seed":3', '"sede":3'),
        ('"height":60', '"height":90'),  # other sizes than the weights have
        ('"architecture":"nose_net"', '"architecture":"nose_nets"'),
        ('"scheme":"imm58"', '"scheme":"wflw98"'),
        ("}", ""),
    ],
)
def test_settings_that_do_not_fit_are_told(nose_file: Path, text: str, instead: str):
    with safe_open(nose_file, "pt") as file:
        settings = file.metadata()["settings"]
    assert text in settings
    metadata = {"settings": settings.replace(text, instead)}
    save_file(load_file(nose_file), nose_file, metadata=metadata)
    with pytest.raises(ModelFileError, match=r"nose\.safetensors: not a model"):
        load_model(nose_file)


def test_weights_without_settings_are_no_model_of_ours(nose_file: Path):
    save_file(load_file(nose_file), nose_file)
    with pytest.raises(ModelFileError, match="not a model of this project"):
        load_model(nose_file)


def test_model_file_without_one_of_its_weights_is_told(nose_file: Path):
    with safe_open(nose_file, "pt") as file:
        metadata = file.metadata()
    weights = load_file(nose_file)
    weights.popitem()
    save_file(weights, nose_file, metadata=metadata)
    with pytest.raises(ModelFileError, match="not a model of this project"):
        load_model(nose_file)


@pytest.mark.parametrize(
    ("name", "other", "said"),
    [
        ("nose_net", {}, "model nose_net: its file holds model; train it anew"),
        ("model", {"height": 61}, "trained on crops of height 60; .* nose have 61;"),
        ("model", {"colour": True}, "trained on crops of colour False; .* nose have True;"),
        ("model", {"scheme": "ibug68"}, "crops of scheme imm58; .* nose have ibug68;"),
    ],
)
def test_model_of_another_name_or_of_other_crops_is_told(
    nose_file: Path, name: str, other: dict[str, object], said: str
):
    trained = load_model(nose_file)
    check_compatible(trained, "model", trained.settings.crop_format)
    with pytest.raises(ModelFileError, match=said):
        check_compatible(trained, name, replace(trained.settings.crop_format, **other))


@pytest.mark.parametrize("name", PARAMS.models)
def test_halves_within_a_network_do_not_round_its_points(name: str):
    model, task = PARAMS.models[name], PARAMS.task(PARAMS.models[name].task)
    network = build_network(model, task, N_POINTS, seed=1).eval()
    images = torch.rand(2, task.channels, *task.input_size)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        points = network(images)
    assert points.dtype == torch.float32
    assert (points != points.bfloat16()).any()
