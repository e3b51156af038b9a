"""A network that sees each face in a mirror: how far it then disagrees needs no annotation."""

import torch
from torch import Tensor, nn


class Flipped(nn.Module):
    """Predicts from the mirrored image, and mirrors the points back.

    Args:
        network: From images to landmarks_unit.
        order: Of the predicted points in the mirrored image, from `landmarks.flip_indices_of`.
    """

    def __init__(self, network: nn.Module, order: list[int]) -> None:
        super().__init__()
        self.network, self.order = network, order

    def forward(self, images: Tensor) -> Tensor:
        """Predict landmarks.

        Args:
            images: (n, channels, height, width), 0..1, as the network itself takes them.

        Returns:
            landmarks_unit of the images as given, (n, n_points, 2).
        """
        x, y = self.network(images.flip(-1))[:, self.order].unbind(-1)
        return torch.stack([1 - x, y], dim=-1)
