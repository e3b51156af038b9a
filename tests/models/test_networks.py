"""One contract for every network, and the exact layers of the write-up's networks."""

import numpy as np
import pytest
import torch
from small_models import (
    CONTENDER_MODELS,
    HEATMAP,
    N_POINTS,
    OWN_MODELS,
    SAME_PADDED,
    SMALL,
    build,
    have_equal_weights,
    noise_batch,
    noise_images,
    read_task,
    task_for,
)
from torch import nn

from keypoints.models.build import build_network
from keypoints.models.network import Float32Linear, LandmarkNetwork
from keypoints.models.settings import ModelSettings
from keypoints.training.losses import LOSSES
from keypoints.training.trainer import TrainConfig, Trainer

MODELS: dict[str, ModelSettings] = {
    **OWN_MODELS,
    **{name: CONTENDER_MODELS[name] for name in ("sharp_224", "sharp_256", "mobile_wild")},
    "heatmap on resnet18": HEATMAP.model_copy(update={"backbone": "resnet18", "pad_type": None}),
    "regression on mobilenetv3_small_100": SMALL,
    "TensorFlow's padding": SAME_PADDED,
}
REGRESSORS = {  # heat maps start at the centre of the input
    name: model for name, model in OWN_MODELS.items() if model.architecture != "heatmap"
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@every_model
def test_a_network_predicts_all_points_of_each_face(model: ModelSettings):
    network = build(model).eval()
    with torch.inference_mode():
        predicted = network(noise_images(model))
    assert predicted.shape == (3, N_POINTS, 2)
    assert torch.isfinite(predicted).all()


@every_model
def test_a_training_step_lowers_the_loss(model: ModelSettings):
    trainer = Trainer(build(model).train(), TrainConfig(LOSSES["mse"]))
    trainer.set_lr(1e-4)
    batch = noise_batch(model)
    first, _ = trainer.step(batch)
    second, _ = trainer.step(batch)
    assert second < first


@every_model
def test_initial_weights_depend_on_the_seed_only(model: ModelSettings):
    torch.manual_seed(7)
    network = build(model, seed=1)
    torch.manual_seed(8)
    assert have_equal_weights(network, build(model, seed=1))
    assert not have_equal_weights(network, build(model, seed=2))


@every_model
def test_building_a_network_leaves_torchs_random_state_unchanged(model: ModelSettings):
    before = torch.get_rng_state()
    build(model)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", [*REGRESSORS.values(), SMALL], ids=[*REGRESSORS, "small"])
def test_first_predictions_are_near_the_mean_shape(model: ModelSettings):
    mean_shape_unit = np.random.default_rng(1).uniform(0.2, 0.8, (N_POINTS, 2))
    at_mean = build_network(
        model, task_for(model), N_POINTS, seed=1, mean_shape_unit=mean_shape_unit
    )
    with torch.inference_mode():
        images = noise_images(model)
        first, at_centre = (net.eval()(images).numpy() for net in (at_mean, build(model)))
    assert np.abs(first - mean_shape_unit).mean() < 0.1
    np.testing.assert_allclose(first - at_centre, [mean_shape_unit - 0.5] * 3, atol=1e-6)


@pytest.mark.parametrize("name", OWN_MODELS)
def test_autocast_does_not_round_the_predicted_points(name: str):
    model = OWN_MODELS[name]
    task = read_task(model.task)
    network = build_network(model, task, N_POINTS, seed=1).eval()
    images = torch.rand(2, task.channels, *task.input_size)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        points = network(images)
    assert points.dtype == torch.float32
    assert (points != points.bfloat16()).any()


def test_autocast_does_not_round_the_points_of_a_backbone_that_ends_with_a_layer_norm():
    layer, features = Float32Linear(8, 4), nn.LayerNorm(8)(torch.rand(2, 8))
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(features)  # autocast computes layer norms in float32
    assert torch.equal(found, layer(features))


def layers(name: str, n_points: int) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Channels and kernel sizes of the convolutions, features of the linear layers."""
    model = OWN_MODELS[name]
    network = build_network(model, read_task(model.task), n_points, seed=1)
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


def test_resnet18_has_136_outputs():
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
def test_the_write_ups_networks_have_their_layers_in_order(name: str, kinds: list[str]):
    network = build(OWN_MODELS[name])
    assert [type(layer).__name__ for layer in network.body.children()] == kinds


def test_grayscale_input_is_shifted_to_minus_a_half_to_a_half():
    network = LandmarkNetwork(nn.Flatten(), mean=[0.5], std=[1.0])
    pixels = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert network(pixels).tolist() == [[[-0.5, 0.5]]]


def test_each_channel_is_normalised_by_its_own_mean_and_deviation():
    network = LandmarkNetwork(nn.Flatten(), mean=[0.5, 0.25], std=[0.5, 0.25])
    pixels = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    assert network(pixels).tolist() == [[[1.0, 3.0]]]
