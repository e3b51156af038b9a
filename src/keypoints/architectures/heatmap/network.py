"""Heat maps on a feature pyramid, decoded by soft-argmax, so that predictions are sub-pixel.

Sources: Sun et al., Integral human pose regression, 2018 (the decoding); Lin et al., Feature
pyramid networks for object detection, 2017.
"""

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from keypoints.architectures.heatmap import HeatmapSettings
from keypoints.models.backbones import create_feature_extractor
from keypoints.models.build import NetworkShape
from keypoints.models.network import DecodingHead


class HeatmapNet(DecodingHead):
    """A timm backbone, a pyramid from its coarsest features up to stride 4, and a map per point."""

    def __init__(
        self, settings: HeatmapSettings, shape: NetworkShape, weights: Path | None
    ) -> None:
        super().__init__()
        self.backbone = create_feature_extractor(settings, shape.in_channels, weights)
        feature_channels = self.backbone.feature_info.channels()  # at strides 4, 8, 16, 32
        channels = settings.channels
        block = partial(_block, separable=settings.separable_convs)
        self.lateral = nn.ModuleList(nn.Conv2d(count, channels, 1) for count in feature_channels)
        self.smooth = nn.ModuleList(block(channels) for _ in feature_channels)
        self.head = nn.Sequential(block(channels), nn.Conv2d(channels, shape.n_points, 1))

    def logits(self, images: Tensor) -> Tensor:
        """Compute the maps before their softmax, (n, n_points, height / 4, width / 4)."""
        features = self.backbone(images)
        pyramid = [lateral(level) for lateral, level in zip(self.lateral, features, strict=True)]
        coarse = self.smooth[-1](pyramid[-1])
        for level, smooth in zip(pyramid[-2::-1], self.smooth[-2::-1], strict=True):
            upsampled = functional.interpolate(coarse, size=level.shape[-2:], mode="bilinear")
            coarse = smooth(level + upsampled)
        return self.head(coarse)

    def decode(self, logits: Tensor) -> Tensor:
        """Compute the points of the maps, (n, 2 x n_points)."""
        return soft_argmax(logits).flatten(1)


def _block(channels: int, *, separable: bool) -> nn.Sequential:
    """A 3x3 convolution, or a depthwise and a pointwise one, with an eighth of the work.

    Source: Howard et al., MobileNets, 2017.
    """
    groups = channels if separable else 1
    convolutions = [nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=False)]
    if separable:
        convolutions.append(nn.Conv2d(channels, channels, 1, bias=False))
    return nn.Sequential(*convolutions, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def soft_argmax(heatmaps: Tensor) -> Tensor:
    """Compute the expected position under the softmax of each map, in 0..1 of the map.

    The shapes are (n, n_points, rows, columns) and (n, n_points, 2).
    """
    rows, columns = heatmaps.shape[-2:]
    probability = heatmaps.float().flatten(2).softmax(dim=-1).unflatten(2, (rows, columns))
    x, y = (
        (torch.arange(count, device=heatmaps.device, dtype=probability.dtype) + 0.5) / count
        for count in (columns, rows)
    )
    # Sums of products, because a GPU would compute matrix products in bfloat16.
    return torch.stack(
        [(probability.sum(dim=2) * x).sum(-1), (probability.sum(dim=3) * y).sum(-1)], dim=-1
    )
