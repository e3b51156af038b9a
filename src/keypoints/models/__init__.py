"""The registry: from the settings of a model to its network.

An architecture is a module of this package. To add one: write the module, its settings in
`keypoints.settings`, and its line in `_build_body`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from keypoints.chance import Purpose, torch_seed
from keypoints.settings import AnyModel, FaceNetModel, HeatmapModel, NoseNetModel, Task


class LandmarkNetwork(nn.Module):
    """A body between the two things that all networks share: normalisation and the points' shape.

    Args:
        body: From (n, channels, height, width) to (n, 2 x n_points).
        mean: Of each channel, 0..1.
        std: Of each channel.
    """

    def __init__(self, body: nn.Module, *, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.body = body
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Predict landmarks.

        Args:
            images: (n, channels, height, width), 0..1.

        Returns:
            landmarks_unit, (n, n_points, 2).
        """
        return self.body((images - self.mean) / self.std).unflatten(1, (-1, 2))


def build_network(
    model: AnyModel, task: Task, n_points: int, *, seed: int, weights: Path | None = None
) -> LandmarkNetwork:
    """Build a model's network with first weights that are a function of the seed.

    Args:
        model: Settings of the model.
        task: Settings of its task.
        n_points: Points to predict.
        seed: Of the run.
        weights: Pre-trained weights of the backbone; None: random.

    Raises:
        SettingsError: If the settings do not fit each other or the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, Purpose.WEIGHTS))
        body = _build_body(model, task, 2 * n_points, weights)
    return LandmarkNetwork(body, mean=model.mean, std=model.std)


def _build_body(model: AnyModel, task: Task, n_outputs: int, weights: Path | None) -> nn.Module:
    if isinstance(model, NoseNetModel):
        from keypoints.models.nose_net import NoseNet

        return NoseNet(
            task.channels,
            task.input_size,
            channels=model.channels,
            hidden=model.hidden,
            kernels=model.kernels,
            n_outputs=n_outputs,
        )
    if isinstance(model, FaceNetModel):
        from keypoints.models.face_net import FaceNet

        return FaceNet(task.channels, task.input_size, n_outputs=n_outputs)
    if isinstance(model, HeatmapModel):
        from keypoints.models.heatmap_net import HeatmapNet

        return HeatmapNet(
            model.backbone,
            task.channels,
            channels=model.channels,
            n_points=n_outputs // 2,
            pad_type=model.pad_type,
            weights=weights,
        )
    from keypoints.models.timm_backbone import timm_backbone

    return timm_backbone(
        model.backbone,
        task.channels,
        n_outputs=n_outputs,
        pad_type=model.pad_type,
        weights=weights,
    )
