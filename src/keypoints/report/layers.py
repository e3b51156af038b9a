"""Layers of a network with their output shapes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keypoints.models.network import LandmarkNetwork

_KINDS = {
    "Flatten": "flatten",
    "BatchNorm2d": "batch normalisation",
    "AdaptiveAvgPool2d": "global average pooling",
}


@dataclass(frozen=True)
class Layer:
    """A layer of a network."""

    kind: str
    shape: str  # of the output for one face, such as channels × height × width
    n_parameters: int


def list_layers(network: LandmarkNetwork, channels: int, size: tuple[int, int]) -> list[Layer]:
    """List the layers in the order of execution, by a forward pass on one empty image."""
    layers: list[Layer] = []

    def record(module: nn.Module, _: object, output: Tensor) -> None:
        shape = " × ".join(str(side) for side in output.shape[1:])
        n_parameters = sum(parameter.numel() for parameter in module.parameters())
        layers.append(Layer(_kind(module), shape, n_parameters))

    hooks = [
        module.register_forward_hook(record)
        for module in network.body.modules()
        if not list(module.children()) and not isinstance(module, nn.Identity | nn.Dropout)
    ]
    with torch.inference_mode():
        network(torch.zeros(1, channels, *size))
    for hook in hooks:
        hook.remove()
    return layers


def first_filters(network: LandmarkNetwork) -> Tensor:
    """Kernels of the first convolution, (n_filters, channels, height, width)."""
    first = next(module for module in network.body.modules() if isinstance(module, nn.Conv2d))
    return first.weight.detach()


def _kind(module: nn.Module) -> str:
    """The operation, in a few words."""
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        stride = "" if module.stride[0] == 1 else f", stride {module.stride[0]}"
        return f"convolution {height} × {width}{stride}"
    if isinstance(module, nn.Linear):
        return "fully connected"
    if isinstance(module, nn.MaxPool2d):
        return f"max-pool {module.kernel_size} × {module.kernel_size}"
    name = type(module).__name__
    return _KINDS.get(name, name)
