"""Parts that all networks share: normalisation, the shape of the output, access to the logits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class LandmarkNetwork(nn.Module):
    """A network: normalisation of each channel, the body of an architecture, the output's shape.

    The body maps (n, channels, height, width) to (n, 2 x n_points).
    """

    def __init__(self, body: nn.Module, *, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.body = body
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Predict landmarks_unit, (n, n_points, 2), for images in 0..1."""
        return self.body(self.normalize(images)).unflatten(1, (-1, 2))

    def normalize(self, images: Tensor) -> Tensor:
        """Subtract the mean of each channel and divide by its standard deviation."""
        return (images - self.mean) / self.std


class Float32Linear(nn.Linear):
    """An output layer that computes in float32 under autocast.

    Adjacent bfloat16 numbers between 0.5 and 1 differ by 0.4 % of the input: 0.9 px of 224.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return x0, y0, x1, y1, ... in float32."""
        device = features.device.type
        if device not in ("cpu", "cuda") or not torch.is_autocast_enabled(device):
            return super().forward(features)
        with torch.autocast(device, enabled=False):
            return super().forward(features.float())

    @classmethod
    def like(cls, layer: nn.Linear) -> "Float32Linear":
        """Return a layer that shares the weights of `layer`."""
        with torch.device("meta"):  # allocates no weights and takes no random numbers
            copy = cls(layer.in_features, layer.out_features, layer.bias is not None)
        copy.weight, copy.bias = layer.weight, layer.bias
        return copy


class DecodingHead(nn.Module):
    """A body that decodes points from logits, such as heat maps; a loss can use the logits."""

    def logits(self, images: Tensor) -> Any:
        """Compute the logits of normalised images, (n, channels, height, width)."""
        raise NotImplementedError

    def decode(self, logits: Any) -> Tensor:
        """Compute x0, y0, x1, y1, ... in 0..1 of the input, (n, 2 x n_points)."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Decode the points of normalised images."""
        return self.decode(self.logits(images))


@dataclass(frozen=True)
class LogitsLoss:
    """A loss on the logits of an architecture, added to the loss on the points.

    `per_point` is a function of the logits and of landmarks_unit (NaN where unknown) that returns a
    loss per point, (n, n_points); its value for unknown points is ignored.
    """

    per_point: Callable[[Any, Tensor], Tensor]
    weight: float  # of the mean over all known points


class WithLogits(nn.Module):
    """A network that also returns its logits, for training."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Any]:
        """Predict landmarks_unit; return the logits too, or None if the architecture has none."""
        network = self._network
        if not isinstance(network, LandmarkNetwork) or not isinstance(network.body, DecodingHead):
            return network(images), None
        logits = network.body.logits(network.normalize(images))
        return network.body.decode(logits).unflatten(1, (-1, 2)), logits
