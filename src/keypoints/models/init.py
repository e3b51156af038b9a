"""First weights with which a network learns from the first step on."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def kaiming_init(layer: nn.Module) -> None:
    """First weights that keep the signal's size from layer to layer.

    With torch's default each layer shrinks it, and after nine the network says the mean shape for
    hundreds of steps before it starts to learn.

    Source: He et al., Delving deep into rectifiers, 2015.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def init_output_bias(points_unit: NDArray[np.floating], body: nn.Module) -> None:
    """First predictions near given points, by the last layer, if it is linear and gives them.

    With a last layer of the others' size they are far off at first, and the steps that correct
    them leave the other layers with weights that learn slowly (docs/results.md has the numbers).

    Args:
        points_unit: (n_points, 2) in 0..1 of the input.
        body: Of a network; one whose last layer is of another kind stays as it is.
    """
    linear = [layer for layer in body.modules() if isinstance(layer, nn.Linear)]
    if linear and linear[-1].out_features == points_unit.size:
        with torch.no_grad():
            linear[-1].weight.mul_(0.1)
            linear[-1].bias.copy_(torch.from_numpy(points_unit.flatten()))
