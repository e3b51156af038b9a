"""Heat maps on a feature pyramid: each point is the mean of its own map, so errors stay sub-pixel.

Sources: Sun et al., Integral human pose regression, 2018 (the decoding); Lin et al., Feature
pyramid networks, 2017.
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
        backbone: Name of timm.
        in_channels: Of the input.
        channels: Of the pyramid.
        separable: Whether its convolutions are separable: quicker by a sixth on MobileNetV2.
        n_points: Points to predict.
        pad_type: As for `timm_backbone`.
        blur_pool: As for `create_feature_extractor`.
        weights: Of the backbone; None: random.
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
        blur_pool: bool = False,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        features = create_feature_extractor(
            backbone, in_channels, pad_type=pad_type, blur_pool=blur_pool, weights=weights
        )
        found = features.feature_info.channels()  # of strides 4, 8, 16, 32
        self.backbone: nn.Module = features
        block = _separable if separable else _full
        self.lateral = nn.ModuleList(nn.Conv2d(count, channels, 1) for count in found)
        self.smooth = nn.ModuleList(block(channels) for _ in found)
        self.head = nn.Sequential(block(channels), nn.Conv2d(channels, n_points, 1))

    def decode(self, raw: Tensor) -> Tensor:
        """The points of the maps, (n, 2 x n_points)."""
        return soft_argmax(raw).flatten(1)

    def raw(self, images: Tensor) -> Tensor:
        """The maps before their softmax, (n, n_points, height / 4, width / 4)."""
        features = self.backbone(images)
        pyramid = [lateral(level) for lateral, level in zip(self.lateral, features, strict=True)]
        above = self.smooth[-1](pyramid[-1])
        for level, smooth in zip(pyramid[-2::-1], self.smooth[-2::-1], strict=True):
            wider = functional.interpolate(above, size=level.shape[-2:], mode="bilinear")
            above = smooth(level + wider)
        return self.head(above)


def _separable(channels: int) -> nn.Sequential:
    """A 3x3 convolution of each channel, and one that mixes them: an eighth of a full one's work.

    Source: Howard et al., MobileNets, 2017.
    """
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _full(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def soft_argmax(heatmaps: Tensor) -> Tensor:
    """The mean place of each map's softmax.

    Args:
        heatmaps: (n, n_points, rows, columns), any real numbers.

    Returns:
        (n, n_points, 2) in 0..1 of the maps, (x, y).
    """
    rows, columns = heatmaps.shape[-2:]
    share = heatmaps.flatten(2).softmax(dim=-1).unflatten(2, (rows, columns))
    x, y = (
        (torch.arange(count, device=heatmaps.device, dtype=share.dtype) + 0.5) / count
        for count in (columns, rows)
    )
    # Sums of products, not products of matrices, which would round to halves on a GPU.
    return torch.stack([(share.sum(dim=2) * x).sum(-1), (share.sum(dim=3) * y).sum(-1)], dim=-1)
