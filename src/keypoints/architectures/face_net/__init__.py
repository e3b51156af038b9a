"""face_net: six convolutions and three fully connected layers, the write-up's second network."""

from typing import TYPE_CHECKING, Literal

from keypoints.models.settings import ModelSettings

if TYPE_CHECKING:
    from torch import nn

    from keypoints.models.build import NetworkShape


class FaceNetSettings(ModelSettings):
    """Settings of a face_net."""

    architecture: Literal["face_net"]


SETTINGS = FaceNetSettings


def build(settings: FaceNetSettings, shape: "NetworkShape") -> "nn.Module":
    """Build the body of the network."""
    from keypoints.architectures.face_net.network import FaceNet

    return FaceNet(shape)
