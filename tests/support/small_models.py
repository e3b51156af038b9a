"""Small models for tests: their settings, tasks, batches and files."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from workspace import ROOT

from keypoints.config.params import read_params
from keypoints.core.landmarks import SCHEMES
from keypoints.crops.batches import Batch
from keypoints.crops.format import Task
from keypoints.models.build import build_network, read_model_settings
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.network import LandmarkNetwork
from keypoints.models.predict import save_model
from keypoints.models.settings import BackboneSettings, ModelSettings

N_POINTS = 5
PARAMS = read_params(ROOT / "params.yaml")
CONTENDERS = read_params(ROOT / "contenders/params.yaml")
OWN_MODELS = {name: read_model_settings(PARAMS, name) for name in PARAMS.names("models")}
CONTENDER_MODELS = {
    name: read_model_settings(CONTENDERS, name) for name in CONTENDERS.names("models")
}

RESNET = OWN_MODELS["resnet18"]
SMALL = RESNET.model_copy(update={"backbone": "mobilenetv3_small_100"})
SAME_PADDED = RESNET.model_copy(update={"backbone": "mobilenetv2_100", "pad_type": "same"})
HEATMAP = CONTENDER_MODELS["sharp_256"]


def read_task(name: str) -> Task:
    return PARAMS.entry("tasks", name, Task)


# 32 px are enough for a backbone, and fast
TINY_WILD = read_task("wild").model_copy(update={"height": 32, "width": 32, "margin": 0})


def task_for(model: ModelSettings) -> Task:
    return TINY_WILD if isinstance(model, BackboneSettings) else read_task(model.task)


def build(model: ModelSettings, *, seed: int = 1, n_points: int = N_POINTS) -> LandmarkNetwork:
    return build_network(model, task_for(model), n_points, seed=seed)


def noise_batch(model: ModelSettings) -> Batch:
    """Three faces of noise."""
    task, rng = task_for(model), np.random.default_rng(1)
    images = rng.integers(0, 256, (3, *task.input_size, task.channels), dtype=np.uint8)
    landmarks_unit = rng.uniform(0.2, 0.8, (3, N_POINTS, 2)).astype(np.float32)
    return Batch(images, landmarks_unit, np.tile(np.eye(2, 3), (3, 1, 1)), None)


def noise_images(model: ModelSettings) -> torch.Tensor:
    return torch.from_numpy(noise_batch(model).images).permute(0, 3, 1, 2) / 255


def info_for(model: ModelSettings, *, n_points: int = 58) -> ModelInfo:
    scheme = next(scheme.name for scheme in SCHEMES.values() if scheme.n_points == n_points)
    return ModelInfo(
        name="model",
        seed=3,
        lr=1e-5,
        scheme=scheme,
        model=model,
        task=task_for(model),
        augment={"translate": 4.0},
        optim={"ema": 0.9},
    )


def have_equal_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def change_weights(network: nn.Module) -> None:
    """Move all weights away from their initial values, which the seed alone determines."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.add_(1)
            elif tensor.is_floating_point():
                tensor.add_(0.01)


def save_trained(model: ModelSettings, path: Path, *, n_points: int = 58) -> LandmarkNetwork:
    """Save a network whose weights are not the initial ones."""
    network = build(model, seed=2, n_points=n_points)
    change_weights(network)
    save_model(path, network, info_for(model, n_points=n_points))
    return network
