"""regression: any timm backbone with a linear output layer, like the write-up's ResNet-18."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from keypoints.models.settings import BackboneSettings

if TYPE_CHECKING:
    from torch import nn

    from keypoints.models.build import NetworkShape


class RegressionSettings(BackboneSettings):
    """Settings of a regression network."""

    architecture: Literal["regression"]


SETTINGS = RegressionSettings


def build(
    settings: RegressionSettings, shape: "NetworkShape", weights: Path | None = None
) -> "nn.Module":
    """Build the body of the network; `weights` are those of its backbone, None: random."""
    from keypoints.models.backbones import create_regressor

    return create_regressor(settings, shape, weights)
