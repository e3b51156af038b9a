"""A network that sees each face in a mirror: how far it then disagrees needs no annotation."""

import numpy as np
import torch
from torch import Tensor, nn

from keypoints.landmarks import Scheme


class Mirrored(nn.Module):
    """Predicts from the mirrored image, and mirrors the points back.

    Args:
        network: From images to landmarks_unit.
        order: Of the predicted points in the mirrored image, from `mirror_order_of`.
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


def mirror_order_of(points: tuple[int, ...], scheme: Scheme) -> list[int]:
    """Where, among the predicted points, each one's mirror twin stands.

    Raises:
        ValueError: If a point's twin is not predicted.
    """
    return [points.index(int(twin)) for twin in np.asarray(scheme.mirror_order)[list(points)]]
