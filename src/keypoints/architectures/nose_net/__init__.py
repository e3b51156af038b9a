"""nose_net: three convolutions and two fully connected layers, the write-up's first network."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from keypoints.models.settings import ModelSettings

if TYPE_CHECKING:
    from torch import nn

    from keypoints.models.build import NetworkShape


class NoseNetSettings(ModelSettings):
    """Settings of a nose_net."""

    architecture: Literal["nose_net"]
    channels: Annotated[int, Field(ge=1, le=1024)]  # of each convolution
    hidden_features: Annotated[int, Field(ge=1, le=16_384)]  # between the fully connected layers
    kernel_sizes: Annotated[list[Literal[1, 3, 5, 7, 9, 11]], Field(min_length=3, max_length=3)]


SETTINGS = NoseNetSettings


def build(settings: NoseNetSettings, shape: "NetworkShape") -> "nn.Module":
    """Build the body of the network."""
    from keypoints.architectures.nose_net.network import NoseNet

    return NoseNet(settings, shape)
