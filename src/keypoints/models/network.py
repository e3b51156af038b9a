"""What all networks share: normalisation, the points' shape, and what a loss may see of them."""

from typing import Any

import torch
from torch import Tensor, nn


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
        return self.body(self.normalised(images)).unflatten(1, (-1, 2))

    def normalised(self, images: Tensor) -> Tensor:
        """The images as the body takes them."""
        return (images - self.mean) / self.std


class Float32Linear(nn.Linear):
    """The layer that says the points, in whole precision where the others work in half.

    Halves in 0..1 are 0.4 px apart in 224.
    """

    def forward(self, features: Tensor) -> Tensor:
        """x0, y0, x1, y1, ... of features (n, in_features), float32."""
        if features.dtype == torch.float32:
            return super().forward(features)
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())

    @classmethod
    def like(cls, layer: nn.Linear) -> "Float32Linear":
        """One with the weights of another layer."""
        with torch.device("meta"):  # no weights of its own, and none drawn
            made = cls(layer.in_features, layer.out_features, layer.bias is not None)
        made.weight, made.bias = layer.weight, layer.bias
        return made


class DecodingHead(nn.Module):
    """A body that decodes its points from something that a loss may want to see."""

    def logits(self, images: Tensor) -> Any:
        """Maps or a grid, from normalised images (n, channels, height, width)."""
        raise NotImplementedError

    def decode(self, raw: Any) -> Tensor:
        """x0, y0, x1, y1, ... in 0..1 of the input, (n, 2 x n_points)."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """The points of normalised images, as `decode` gives them."""
        return self.decode(self.logits(images))


class WithLogits(nn.Module):
    """A network under training: it also says what the points are decoded from, for the loss."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Any]:
        """Predict landmarks_unit; and maps or a grid, None where its kind has none."""
        network = self._network
        if not isinstance(network, LandmarkNetwork) or not isinstance(network.body, DecodingHead):
            return network(images), None
        raw = network.body.logits(network.normalised(images))
        return network.body.decode(raw).unflatten(1, (-1, 2)), raw
