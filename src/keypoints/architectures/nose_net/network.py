"""The small network of the write-up's first part: three convolutions, two full connections."""

from collections.abc import Sequence

from torch import nn

from keypoints.config.messages import SettingsError
from keypoints.models.network import Float32Linear


class NoseNet(nn.Sequential):
    """conv, ReLU, 2x2 max-pool, three times; fully connected, ReLU, fully connected.

    Unpadded convolutions take 60 x 80 px to 3 x 5 with kernels 7, 7, 5 (480 features of 32
    channels, 240 of 16) and to 5 x 8 with kernels 3, 3, 3 (1280 features).

    Args:
        in_channels: Of the input.
        input_size: Height and width of the input, px.
        channels: Of each convolution.
        hidden: Numbers between the fully connected layers.
        kernels: Side of each convolution's kernel, px.
        n_outputs: Numbers per face.

    Raises:
        SettingsError: If the input is too small for the kernels.
    """

    def __init__(
        self,
        in_channels: int,
        input_size: tuple[int, int],
        *,
        channels: int,
        hidden: int,
        kernels: Sequence[int],
        n_outputs: int,
    ) -> None:
        layers: list[nn.Module] = []
        height, width = input_size
        for kernel in kernels:
            layers += [nn.Conv2d(in_channels, channels, kernel), nn.ReLU(), nn.MaxPool2d(2)]
            height, width = (height - kernel + 1) // 2, (width - kernel + 1) // 2
            in_channels = channels
        if height < 1 or width < 1:
            raise SettingsError(f"an input of {input_size} px is too small for kernels {kernels}")
        features = channels * height * width
        layers += [nn.Flatten(), nn.Linear(features, hidden), nn.ReLU()]
        super().__init__(*layers, Float32Linear(hidden, n_outputs))
