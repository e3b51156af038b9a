"""The small network of the write-up's first part: three convolutions, two linear layers."""

from torch import nn

from keypoints.architectures.nose_net import NoseNetSettings
from keypoints.config.messages import SettingsError
from keypoints.models.build import NetworkShape
from keypoints.models.network import Float32Linear


class NoseNet(nn.Sequential):
    """Three times convolution, ReLU and 2x2 max-pool; fully connected, ReLU, fully connected.

    The convolutions are unpadded. They reduce 60 x 80 px to 3 x 5 with kernel sizes 7, 7, 5 (480
    features of 32 channels, 240 of 16) and to 5 x 8 with 3, 3, 3 (1280 features of 32 channels).

    Raises:
        SettingsError: If the input is too small for the kernels.
    """

    def __init__(self, settings: NoseNetSettings, shape: NetworkShape) -> None:
        channels, hidden_features = settings.channels, settings.hidden_features
        layers: list[nn.Module] = []
        in_channels, (height, width) = shape.in_channels, shape.input_size
        for kernel in settings.kernel_sizes:
            layers += [nn.Conv2d(in_channels, channels, kernel), nn.ReLU(), nn.MaxPool2d(2)]
            height, width = (height - kernel + 1) // 2, (width - kernel + 1) // 2
            in_channels = channels
        if height < 1 or width < 1:
            raise SettingsError(
                f"an input of {shape.input_size} px is too small for kernel_sizes "
                f"{settings.kernel_sizes}; change height and width of the task, or the kernels"
            )
        features = channels * height * width
        layers += [nn.Flatten(), nn.Linear(features, hidden_features), nn.ReLU()]
        super().__init__(*layers, Float32Linear(hidden_features, 2 * shape.n_points))
