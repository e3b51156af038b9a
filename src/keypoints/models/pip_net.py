"""A coarse grid whose cells say whether a point is in them, where, and where its neighbours are.

It is quick, for it needs no pyramid.

Source: Jin, Liao and Shao, Pixel-in-pixel net: towards efficient facial landmark detection in the
wild, 2021.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from keypoints.models.backbones import create_feature_extractor
from keypoints.models.network import DecodingHead


class Grid(NamedTuple):
    """What a network says of each cell.

    Attributes:
        scores: Of each point in each cell, (n, n_points, rows, columns).
        offsets: From the cell's corner to the point and to its neighbours, in cells, x before y,
            (n, n_points, 1 + n_neighbours, 2, rows, columns).
        points: Which ones they are: each point itself and its neighbours,
            (n_points, 1 + n_neighbours).
    """

    scores: Tensor
    offsets: Tensor
    points: Tensor

    def decode(self) -> Tensor:
        """The mean of what each point's best cell says of it, and its neighbours' best cells say.

        Returns:
            (n, n_points, 2) in 0..1 of the grid.
        """
        said = self._points_from(self.scores.flatten(2).argmax(dim=-1)).flatten(1, 2)
        about = self.points.flatten()
        sums = torch.zeros_like(said[:, : len(self.points)]).index_add(1, about, said)
        votes = sums.new_zeros(len(self.points)).index_add(0, about, sums.new_ones(len(about)))
        return sums / votes[:, None]

    def errors(self, target: Tensor) -> Tensor:
        """How far what the true cells say is off, in 0..1 of the grid.

        Args:
            target: (n, n_points, 2) in 0..1, NaN where unknown; outside, the next cell is taken.

        Returns:
            (n, n_points, 1 + n_neighbours, 2); NaN where a point is unknown.
        """
        known = ~target.isnan().any(dim=-1)
        error = self._points_from(self._true_cells(target)) - target[:, self.points]
        return error.masked_fill(~known[:, :, None, None], torch.nan)

    def score_loss(self, target: Tensor) -> Tensor:
        """The mean squared error of each point's scores: 1 in the true cell, 0 elsewhere is right.

        Args:
            target: As for `errors`.

        Returns:
            (n, n_points); that of an unknown point says nothing.
        """
        scores = self.scores.flatten(2)
        wanted = torch.zeros_like(scores).scatter(2, self._true_cells(target)[:, :, None], 1.0)
        return (scores - wanted).square().mean(dim=-1)

    def _true_cells(self, target: Tensor) -> Tensor:
        rows, columns = self.scores.shape[-2:]
        x, y = target.nan_to_num().unbind(-1)
        column = (x * columns).long().clamp(0, columns - 1)
        return (y * rows).long().clamp(0, rows - 1) * columns + column

    def _points_from(self, cells: Tensor) -> Tensor:
        """What one cell for each point, (n, n_points), says, in 0..1 of the grid."""
        rows, columns = self.scores.shape[-2:]
        offsets = self.offsets.flatten(-2)  # (n, n_points, 1 + n_neighbours, 2, cells)
        index = cells[:, :, None, None, None].expand(*offsets.shape[:-1], 1)
        corner = torch.stack([cells % columns, cells.div(columns, rounding_mode="floor")], dim=-1)
        x, y = (offsets.gather(-1, index).squeeze(-1) + corner[:, :, None]).unbind(-1)
        return torch.stack([x / columns, y / rows], dim=-1)


class PipNet(DecodingHead):
    """A timm backbone and one convolution that says, in each cell, where points are.

    Args:
        backbone: Name of timm.
        in_channels: Of the input.
        stride: Of the cells, px of the input: 4, 8, 16 or 32.
        neighbours: Points of which each point's cell tells, too.
        shape: The mean one, (n_points, 2): which points lie next to each other.
        pad_type: As for `timm_backbone`.
        blur_pool: As for `create_feature_extractor`.
        weights: Of the backbone; None: random.
    """

    def __init__(
        self,
        backbone: str,
        in_channels: int,
        *,
        stride: int,
        neighbours: int,
        shape: NDArray[np.floating],
        pad_type: str | None = None,
        blur_pool: bool = False,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        features = create_feature_extractor(
            backbone,
            in_channels,
            pad_type=pad_type,
            blur_pool=blur_pool,
            up_to=stride,
            weights=weights,
        )
        self.backbone: nn.Module = features
        self.points: Tensor
        self.register_buffer("points", torch.tensor(nearest(shape, neighbours)))
        self.register_load_state_dict_post_hook(_check_points)
        n_points, count = self.points.shape
        found = features.feature_info.channels()[-1]
        self.head = nn.Conv2d(found, n_points * (1 + 2 * count), 1)

    def raw(self, images: Tensor) -> Grid:
        """What each cell says."""
        said = self.head(self.backbone(images)[-1]).float()  # halves would round the points
        n_points, count = self.points.shape
        scores, offsets = said.split([n_points, 2 * n_points * count], dim=1)
        return Grid(scores, offsets.unflatten(1, (n_points, count, 2)), self.points)

    def decode(self, raw: Grid) -> Tensor:
        """The points of a grid, (n, 2 x n_points)."""
        return raw.decode().flatten(1)


def _check_points(network: PipNet, _: object) -> None:
    """A file may say anything."""
    if not ((network.points >= 0) & (network.points < len(network.points))).all():
        raise ValueError("its neighbours are not among its points")


def nearest(shape: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Each point of a shape and those nearest to it, (n_points, 1 + count).

    Args:
        shape: (n_points, 2).
        count: Neighbours; fewer where the shape has no more.
    """
    distance = np.linalg.norm(shape[:, None] - shape[None], axis=-1)
    np.fill_diagonal(distance, -1)  # each is nearest to itself, wherever others lie
    return distance.argsort(axis=1, kind="stable")[:, : count + 1]
