"""Heat maps on a feature pyramid, decoded by soft-argmax, so that predictions are sub-pixel.

Sources: Sun et al., Integral human pose regression, 2018 (the decoding); Lin et al., Feature
pyramid networks for object detection, 2017.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from keypoints.models.backbones import create_feature_extractor
from keypoints.models.network import DecodingHead


class HeatmapNet(DecodingHead):
    """A timm backbone, a pyramid from its coarsest features up to stride 4, and a map per point.

    Args:
        backbone: Name of a timm model.
        in_channels: Channels of the input.
        channels: Channels of the pyramid.
        separable: Whether its convolutions are depthwise separable: a sixth faster on MobileNetV2.
        n_points: Number of predicted points.
        pad_type: `same` for weights made with TensorFlow's padding.
        weights: File of the backbone's weights; None: random weights.
    """

    def __init__(
        self,
        backbone: str,
        in_channels: int,
        *,
        channels: int,
        separable: bool = True,
        n_points: int,
        pad_type: str | None = None,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        features = create_feature_extractor(
            backbone, in_channels, pad_type=pad_type, weights=weights
        )
        feature_channels = features.feature_info.channels()  # at strides 4, 8, 16, 32
        self.backbone: nn.Module = features
        block = _separable_block if separable else _block
        self.lateral = nn.ModuleList(nn.Conv2d(count, channels, 1) for count in feature_channels)
        self.smooth = nn.ModuleList(block(channels) for _ in feature_channels)
        self.head = nn.Sequential(block(channels), nn.Conv2d(channels, n_points, 1))

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


def _separable_block(channels: int) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution: an eighth of the work of a full 3x3 one.

    Source: Howard et al., MobileNets, 2017.
    """
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _block(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def soft_argmax(heatmaps: Tensor) -> Tensor:
    """Compute the expected position under the softmax of each map.

    Args:
        heatmaps: Any real numbers, (n, n_points, rows, columns).

    Returns:
        Positions (x, y) in 0..1 of the maps, (n, n_points, 2).
    """
    rows, columns = heatmaps.shape[-2:]
    probability = heatmaps.flatten(2).softmax(dim=-1).unflatten(2, (rows, columns))
    x, y = (
        (torch.arange(count, device=heatmaps.device, dtype=probability.dtype) + 0.5) / count
        for count in (columns, rows)
    )
    # Sums of products, because a GPU would compute matrix products in bfloat16.
    return torch.stack(
        [(probability.sum(dim=2) * x).sum(-1), (probability.sum(dim=3) * y).sum(-1)], dim=-1
    )
