"""How weights move: rates from step to step, groups of weights, their average."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from keypoints.config.models import OptimSettings
from keypoints.crops.batches import Batch
from keypoints.models.network import LandmarkNetwork
from keypoints.training.losses import LOSSES
from keypoints.training.trainer import Trainer, make_optimizer, rate_factors

CPU = torch.device("cpu")


def tiny_network() -> LandmarkNetwork:
    torch.manual_seed(1)
    body = nn.Sequential()
    body.add_module("backbone", nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    body.add_module("head", nn.Linear(3, 2))
    return LandmarkNetwork(body, mean=[0.5], std=[1.0])


def one_face() -> Batch:
    image = np.arange(0, 200, 50, np.uint8).reshape(1, 2, 2, 1)
    return Batch(image, np.full((1, 1, 2), 0.9, np.float32), np.eye(2, 3)[None], None)


def test_the_rate_rises_then_falls_as_half_a_cosine_to_nearly_zero():
    recipe = OptimSettings(warmup=0.25, cosine=True)
    factors = [f for epoch in (1, 2, 3, 4) for f in rate_factors(epoch, 4, 5, recipe)]
    assert len(factors) == 20
    assert factors[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert factors[5 + 5] == pytest.approx(0.75)  # a third of the way down: (1 + cos 60) / 2
    assert 0 < factors[-1] < 0.02
    assert factors[5:] == sorted(factors[5:], reverse=True)


def test_without_a_recipe_the_rate_is_left_alone():
    assert rate_factors(3, 10, 4, OptimSettings()) == [1.0] * 4


def test_the_backbone_learns_at_its_share_and_biases_never_decay():
    network = tiny_network()
    optimizer = make_optimizer(
        network, OptimSettings(weight_decay=0.1, backbone_lr_scale=0.5), fused=False
    )
    found = {
        (group["share"], group["weight_decay"], tuple(p.shape))
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert found == {(0.5, 0.1, (3, 4)), (0.5, 0, (3,)), (1, 0.1, (2, 3)), (1, 0, (2,))}
    assert type(optimizer) is torch.optim.AdamW
    assert type(make_optimizer(network, OptimSettings(), fused=False)) is torch.optim.Adam


def test_rates_are_set_by_share():
    learner = Trainer(tiny_network(), LOSSES["mse"], OptimSettings(backbone_lr_scale=0.1), CPU)
    learner.set_lr(0.02)
    assert {group["lr"] for group in learner.optimizer.param_groups} == {0.02, 0.002}


def test_a_long_gradient_is_cut_before_the_step():
    network = tiny_network()
    learner = Trainer(network, LOSSES["mse"], OptimSettings(clip_grad=1e-3), CPU)
    learner.set_lr(0.0)
    learner.step(one_face())
    norm = torch.cat([p.grad.flatten() for p in network.parameters()]).norm()
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_the_average_lies_between_the_weights_and_is_what_is_judged():
    network = tiny_network()
    first = network.body.head.bias.clone()
    learner = Trainer(network, LOSSES["mse"], OptimSettings(ema=0.9), CPU)
    learner.set_lr(0.01)
    for number in range(20):
        learner.step(one_face(), number)
    moved, averaged = network.body.head.bias - first, learner.eval_model.body.head.bias - first
    assert learner.eval_model is not network
    assert (averaged / moved > 0).all() and (averaged / moved < 0.95).all()
    assert set(learner.checkpoint_module.state_dict()) > {
        "network.body.head.bias",
        "average.body.head.bias",
    }


@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles with a C++ compiler")
def test_a_compiled_network_learns_as_the_plain_one_and_has_its_weights_names():
    plain, compiled = tiny_network(), tiny_network()
    for network in (plain, compiled):
        learner = Trainer(
            network, LOSSES["mse"], OptimSettings(), CPU, compiled=network is compiled
        )
        learner.set_lr(0.01)
        for number in range(3):
            learner.step(one_face(), number)
    assert torch._dynamo.utils.counters["stats"]["calls_captured"] > 0
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for name, weights in plain.state_dict().items():
        torch.testing.assert_close(compiled.state_dict()[name], weights)


def test_without_an_average_the_network_itself_is_judged():
    network = tiny_network()
    learner = Trainer(network, LOSSES["mse"], OptimSettings(), CPU)
    assert learner.eval_model is learner.checkpoint_module is network
