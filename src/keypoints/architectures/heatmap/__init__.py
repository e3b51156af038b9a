"""heatmap: a timm backbone, a feature pyramid, and a heat map for each point."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from keypoints.models.settings import BackboneSettings

if TYPE_CHECKING:
    from torch import nn

    from keypoints.models.build import NetworkShape
    from keypoints.models.network import LogitsLoss


class HeatmapSettings(BackboneSettings):
    """Settings of a heatmap network."""

    architecture: Literal["heatmap"]
    channels: Annotated[int, Field(ge=8, le=512)]  # of the feature pyramid
    separable_convs: bool = True  # in the pyramid: a sixth faster on MobileNetV2
    heatmap_loss: Literal["js_divergence"] | None = None  # added to the loss on the points
    heatmap_loss_weight: Annotated[float, Field(gt=0)] = 1.0
    heatmap_sigma: Annotated[float, Field(gt=0, le=100)] = 1.0  # of the target Gaussian, map px


SETTINGS = HeatmapSettings


def build(
    settings: HeatmapSettings, shape: "NetworkShape", weights: Path | None = None
) -> "nn.Module":
    """Build the body of the network; `weights` are those of its backbone, None: random."""
    from keypoints.architectures.heatmap.network import HeatmapNet

    return HeatmapNet(settings, shape, weights)


def logits_loss(settings: HeatmapSettings) -> "LogitsLoss | None":
    """Return the loss on the heat maps that the settings name."""
    if settings.heatmap_loss is None:
        return None
    from keypoints.architectures.heatmap.losses import js_divergence
    from keypoints.models.network import LogitsLoss

    return LogitsLoss(
        lambda maps, target: js_divergence(maps.float(), target, settings.heatmap_sigma),
        settings.heatmap_loss_weight,
    )
