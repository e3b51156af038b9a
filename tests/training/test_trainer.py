"""Single steps: learning rates, parameter groups, gradients, the moving average."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from keypoints.crops.batches import Batch
from keypoints.models.network import LandmarkNetwork
from keypoints.training.losses import LOSSES
from keypoints.training.optim import OptimSettings, make_optimizer
from keypoints.training.trainer import TrainConfig, Trainer


def tiny_network() -> LandmarkNetwork:
    torch.manual_seed(1)
    body = nn.Sequential()
    body.add_module("backbone", nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    body.add_module("head", nn.Linear(3, 2))
    return LandmarkNetwork(body, mean=[0.5], std=[1.0])


def make_trainer(network: nn.Module, *, compiled: bool = False, **optim: float) -> Trainer:
    return Trainer(network, TrainConfig(LOSSES["mse"], OptimSettings(**optim), compile=compiled))


def one_face() -> Batch:
    image = np.arange(0, 200, 50, np.uint8).reshape(1, 2, 2, 1)
    return Batch(image, np.full((1, 1, 2), 0.9, np.float32), np.eye(2, 3)[None], None)


def test_the_backbone_has_its_own_learning_rate_and_biases_do_not_decay():
    network = tiny_network()
    optim = OptimSettings(weight_decay=0.1, backbone_lr_scale=0.5)
    optimizer = make_optimizer(network, optim, fused=False)
    found = {
        (group["lr_scale"], group["weight_decay"], tuple(p.shape))
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert found == {(0.5, 0.1, (3, 4)), (0.5, 0, (3,)), (1, 0.1, (2, 3)), (1, 0, (2,))}
    assert type(optimizer) is torch.optim.AdamW
    assert type(make_optimizer(network, OptimSettings(), fused=False)) is torch.optim.Adam


def test_the_learning_rate_is_scaled_per_group():
    trainer = make_trainer(tiny_network(), backbone_lr_scale=0.1)
    trainer.set_lr(0.02)
    assert {group["lr"] for group in trainer.optimizer.param_groups} == {0.02, 0.002}


def test_a_long_gradient_is_clipped_before_the_step():
    network = tiny_network()
    trainer = make_trainer(network, clip_grad=1e-3)
    trainer.set_lr(0.0)
    trainer.step(one_face())
    norm = torch.cat([p.grad.flatten() for p in network.parameters()]).norm()
    assert norm == pytest.approx(1e-3, rel=1e-3)


def test_the_moving_average_lags_behind_the_weights_and_is_the_model_to_evaluate():
    network = tiny_network()
    first = network.body.head.bias.clone()
    trainer = make_trainer(network, ema=0.9)
    trainer.set_lr(0.01)
    for number in range(20):
        trainer.step(one_face(), number)
    moved, averaged = network.body.head.bias - first, trainer.eval_model.body.head.bias - first
    assert trainer.eval_model is not network
    assert (averaged / moved > 0).all() and (averaged / moved < 0.95).all()
    assert set(trainer.checkpoint_module.state_dict()) > {
        "network.body.head.bias",
        "average.body.head.bias",
    }


def test_without_a_moving_average_the_network_itself_is_evaluated():
    network = tiny_network()
    trainer = make_trainer(network)
    assert trainer.eval_model is trainer.checkpoint_module is network


def test_a_restart_continues_from_the_moving_average_with_a_new_optimiser():
    network = tiny_network()
    trainer = make_trainer(network, ema=0.9)
    trainer.set_lr(0.01)
    for number in range(5):
        trainer.step(one_face(), number)
    average = trainer.eval_model.body.head.bias.clone()
    assert not torch.equal(network.body.head.bias, average)
    trainer.restart()
    assert trainer.network is network
    assert torch.equal(network.body.head.bias, average)
    assert torch.equal(trainer.eval_model.body.head.bias, average)
    assert not trainer.optimizer.state
    trainer.set_lr(0.01)
    trainer.step(one_face())
    assert not torch.equal(network.body.head.bias, average)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles with a C++ compiler")
def test_a_compiled_network_learns_like_the_plain_one_and_has_the_same_names():
    plain, compiled = tiny_network(), tiny_network()
    for network in (plain, compiled):
        trainer = make_trainer(network, compiled=network is compiled)
        trainer.set_lr(0.01)
        for number in range(3):
            trainer.step(one_face(), number)
    assert torch._dynamo.utils.counters["stats"]["calls_captured"] > 0
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for name, weights in plain.state_dict().items():
        torch.testing.assert_close(compiled.state_dict()[name], weights)
