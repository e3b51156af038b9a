"""A network layer by layer, with the shapes that an image takes on its way."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keypoints.models.network import LandmarkNetwork


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: Where it stands in the network.
        kind: What it does, in a few words.
        shape: Of what leaves it, for one face: channels x height x width, or numbers.
        n_weights: Numbers that training moves.
    """

    name: str
    kind: str
    shape: str
    n_weights: int


def layers_of(network: LandmarkNetwork, channels: int, size: tuple[int, int]) -> list[Layer]:
    """Send one empty image through the network and write down what each layer makes of it."""
    layers: list[Layer] = []
    hooks = [
        module.register_forward_hook(_writer(name, layers))
        for name, module in network.body.named_modules()
        if not list(module.children())
    ]
    with torch.inference_mode():
        network(torch.zeros(1, channels, *size))
    for hook in hooks:
        hook.remove()
    return [layer for layer in layers if layer.kind]


def first_filters(network: LandmarkNetwork) -> Tensor:
    """The kernels of the first convolution, (n_filters, channels, height, width)."""
    first = next(module for module in network.body.modules() if isinstance(module, nn.Conv2d))
    return first.weight.detach()


def _writer(name: str, layers: list[Layer]) -> Callable[[nn.Module, object, Tensor], None]:
    def write(module: nn.Module, _: object, output: Tensor) -> None:
        shape = " × ".join(str(side) for side in output.shape[1:])
        n_weights = sum(weights.numel() for weights in module.parameters())
        layers.append(Layer(name, _kind(module), shape, n_weights))

    return write


def _kind(module: nn.Module) -> str:
    match module:
        case nn.Conv2d():
            height, width = module.kernel_size
            step = "" if module.stride[0] == 1 else f", step {module.stride[0]}"
            return f"convolution {height} × {width}{step}"
        case nn.MaxPool2d():
            return f"max-pool {module.kernel_size} × {module.kernel_size}"
        case nn.Linear():
            return "fully connected"
        case nn.Identity() | nn.Dropout():
            return ""
    return {
        "ReLU": "ReLU",
        "Flatten": "flatten",
        "BatchNorm2d": "batch normalisation",
        "AdaptiveAvgPool2d": "mean over the picture",
    }.get(type(module).__name__, type(module).__name__)
