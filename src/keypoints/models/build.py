"""The registry: from the settings of a model to its network.

An architecture is a module of this package; `network`, `first_weights` and `carried_over` are what
they share. To add one: write the module, its settings in `keypoints.settings`, and its line in
`_build_body`.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from keypoints.config.data import Task
from keypoints.config.messages import SettingsError
from keypoints.config.models import (
    BackboneSettings,
    FaceNetModel,
    HeatmapModel,
    ModelSettings,
    NoseNetModel,
    PipModel,
)
from keypoints.core.errors import first_line
from keypoints.core.landmarks import Scheme
from keypoints.core.rng import Stream, torch_seed
from keypoints.models.checkpoint import points_of
from keypoints.models.init import init_output_bias
from keypoints.models.network import LandmarkNetwork
from keypoints.models.transfer import LandmarkSubset, load_matching_weights, read_checkpoint_info


def build_network(
    model: ModelSettings,
    task: Task,
    n_points: int,
    *,
    seed: int,
    mean_unit: NDArray[np.floating] | None = None,
    weights: Path | None = None,
    scheme: Scheme | None = None,
) -> LandmarkNetwork:
    """Build a model's network with first weights that are a function of what is given.

    Args:
        model: Settings of the model.
        task: Settings of its task.
        n_points: Points to predict.
        seed: Of the run.
        mean_unit: The mean shape, (n_points, 2) in 0..1 of the input: the first predictions lie
            near it, where the last layer is linear. None: the middle of the input.
        weights: Pre-trained weights of the backbone, or a model file of this project; None: random.
        scheme: The markup of the points. A last layer from a model file of another number of points
            is put together from those that lie nearest, or passed over: where nothing is known of
            how the markups agree, or this is None. (A pip_net starts from one of the same points.)

    Raises:
        SettingsError: If the settings do not fit each other or the weights.
    """
    trained = None if weights is None else read_checkpoint_info(weights)
    shape = np.full((n_points, 2), 0.5) if mean_unit is None else mean_unit
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, Stream.WEIGHTS))
        try:
            body = _build_body(model, task, shape, None if trained else weights)
        except (MemoryError, RuntimeError) as error:
            raise SettingsError(f"the network cannot be built: {first_line(error)}") from error
    init_output_bias(shape, body)
    network = LandmarkNetwork(body, mean=model.mean, std=model.std)
    if isinstance(model, BackboneSettings):
        _check_input_size(network, model, task)
    if weights is not None and trained is not None:
        markup = None if scheme is None else LandmarkSubset(scheme, points_of(task, scheme))
        load_matching_weights(network, model, weights, trained, markup)
    return network


@torch.inference_mode()
def _check_input_size(network: LandmarkNetwork, model: BackboneSettings, task: Task) -> None:
    """See now, not after the first batch was read, whether a backbone takes inputs of this size."""
    network.eval()
    try:
        network(torch.zeros(1, task.channels, *task.input_size, device=network.mean.device))
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        blurred = isinstance(model, HeatmapModel | PipModel) and model.blur_pool
        raise SettingsError(
            f"backbone {model.backbone}: does not take an input of {task.input_size} px "
            f"({first_line(error)}); change height and width of its task, or the backbone"
            f"{', or say blur_pool: false' if blurred else ''}"
        ) from error
    network.train()


def _build_body(
    model: ModelSettings, task: Task, shape: NDArray[np.floating], weights: Path | None
) -> nn.Module:
    """A model's body; `shape`, (n_points, 2), is the mean one as far as it is known."""
    n_outputs = shape.size
    if isinstance(model, NoseNetModel):
        from keypoints.architectures.nose_net.network import NoseNet

        return NoseNet(
            task.channels,
            task.input_size,
            channels=model.channels,
            hidden=model.hidden_features,
            kernels=model.kernel_sizes,
            n_outputs=n_outputs,
        )
    if isinstance(model, FaceNetModel):
        from keypoints.architectures.face_net.network import FaceNet

        return FaceNet(task.channels, task.input_size, n_outputs=n_outputs)
    if isinstance(model, HeatmapModel):
        from keypoints.architectures.heatmap.network import HeatmapNet

        return HeatmapNet(
            model.backbone,
            task.channels,
            channels=model.channels,
            separable=model.separable_convs,
            n_points=len(shape),
            pad_type=model.pad_type,
            blur_pool=model.blur_pool,
            weights=weights,
        )
    if isinstance(model, PipModel):
        from keypoints.models.pip_net import PipNet

        return PipNet(
            model.backbone,
            task.channels,
            stride=model.stride,
            neighbours=model.neighbours,
            shape=shape,
            pad_type=model.pad_type,
            blur_pool=model.blur_pool,
            weights=weights,
        )
    from keypoints.models.backbones import timm_backbone

    return timm_backbone(
        model.backbone,
        task.channels,
        task.input_size,
        n_outputs=n_outputs,
        pad_type=model.pad_type,
        weights=weights,
    )
