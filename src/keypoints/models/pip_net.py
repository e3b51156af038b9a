"""A grid of scores and offsets on a backbone's coarse features: quick, for it needs no pyramid.

Source: Jin, Liao and Shao, Pixel-in-pixel net, 2021.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from keypoints.models.timm_backbone import timm_features
from keypoints.pip_grid import Grid, nearest


class PipNet(nn.Module):
    """A timm backbone and one convolution that says, in each cell, where points are.

    Args:
        backbone: Name of timm.
        in_channels: Of the input.
        stride: Of the cells, px of the input: 8, 16 or 32.
        neighbours: Points of which each point's cell tells, too.
        n_points: Points to predict.
        pad_type: As for `timm_backbone`.
        anti_aliased: As for `timm_features`.
        weights: Of the backbone; None: random.
    """

    def __init__(
        self,
        backbone: str,
        in_channels: int,
        *,
        stride: int,
        neighbours: int,
        n_points: int,
        pad_type: str | None = None,
        anti_aliased: bool = False,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        features = timm_features(
            backbone, in_channels, pad_type=pad_type, anti_aliased=anti_aliased, weights=weights
        )
        self._level = (4, 8, 16, 32).index(stride)
        count = min(neighbours, n_points - 1) + 1
        self.backbone: nn.Module = features
        self.points: Tensor
        self.register_buffer("points", torch.arange(n_points)[:, None].repeat(1, count))
        found = features.feature_info.channels()[self._level]
        self.head = nn.Conv2d(found, n_points * (1 + 2 * count), 1)

    def learn_neighbours(self, mean_unit: NDArray[np.floating]) -> None:
        """Take over which points lie next to each other, from the mean shape (n_points, 2)."""
        self.points.copy_(torch.from_numpy(nearest(mean_unit, self.points.shape[1] - 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Predict points.

        Args:
            images: (n, channels, height, width), normalised.

        Returns:
            x0, y0, x1, y1, ... in 0..1 of the input, (n, 2 x n_points).
        """
        return self.decode(self.raw(images))

    def raw(self, images: Tensor) -> Grid:
        """What each cell says."""
        said = self.head(self.backbone(images)[self._level])
        n_points, count = self.points.shape
        scores, offsets = said.split([n_points, 2 * n_points * count], dim=1)
        return Grid(scores, offsets.unflatten(1, (n_points, count, 2)), self.points)

    def decode(self, raw: Grid) -> Tensor:
        """The points of a grid, (n, 2 x n_points)."""
        return raw.decode().flatten(1)
