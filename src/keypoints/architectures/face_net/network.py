"""The deeper network of the write-up's second part: six convolutions, three linear layers."""

from torch import nn

from keypoints.config.messages import SettingsError
from keypoints.models.build import NetworkShape
from keypoints.models.init import kaiming_init
from keypoints.models.network import Float32Linear


class FaceNet(nn.Sequential):
    """Six 3x3 convolutions of 65 channels, ReLU after each, 2x2 max-pool after all but the last.

    The convolutions are unpadded and reduce 160 x 240 px to 1 x 3, 195 features. The write-up also
    mentions a max-pool after its fully connected layers, but the layer sizes that it prints leave
    no room for one; this network follows the sizes.

    Raises:
        SettingsError: If the input is too small.
    """

    def __init__(self, shape: NetworkShape) -> None:
        channels, n_convolutions = 65, 6
        layers: list[nn.Module] = []
        in_channels, (height, width) = shape.in_channels, shape.input_size
        for number in range(n_convolutions):
            layers += [nn.Conv2d(in_channels, channels, 3), nn.ReLU()]
            height, width = height - 2, width - 2
            if number < n_convolutions - 1:
                layers.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            in_channels = channels
        if height < 1 or width < 1:
            raise SettingsError(
                f"an input of {shape.input_size} px is too small for face_net; change height and "
                "width of the task"
            )
        features = channels * height * width
        layers += [nn.Flatten(), nn.Linear(features, 2000), nn.ReLU(), nn.Linear(2000, 300)]
        super().__init__(*layers, nn.ReLU(), Float32Linear(300, 2 * shape.n_points))
        self.apply(kaiming_init)
