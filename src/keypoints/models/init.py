"""Initial weights with which a network learns from the first step on."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def kaiming_init(layer: nn.Module) -> None:
    """Initialise a layer so that it preserves the scale of the signal.

    With torch's default each layer shrinks the signal: after nine layers the network predicts the
    mean shape for hundreds of steps before it starts to learn.

    Source: He et al., Delving deep into rectifiers, 2015.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def init_output_bias(points_unit: NDArray[np.floating], body: nn.Module) -> None:
    """Initialise the last layer so that the first predictions lie near points, (n_points, 2).

    A last layer with the initial scale of the others predicts points far away. The steps that
    correct them leave the other layers with weights that learn slowly; docs/experiments.md has the
    numbers. A body whose last linear layer does not return the points stays unchanged.
    """
    linear = [layer for layer in body.modules() if isinstance(layer, nn.Linear)]
    if linear and linear[-1].out_features == points_unit.size:
        with torch.no_grad():
            linear[-1].weight.mul_(0.1)
            linear[-1].bias.copy_(torch.from_numpy(points_unit.flatten()))
