"""First weights with which a network learns from the first step on."""

import torch
from torch import nn


def keep_variance(layer: nn.Module) -> None:
    """First weights that keep the signal's size from layer to layer.

    With torch's default each layer shrinks it, and after nine the network says the mean shape for
    hundreds of steps before it starts to learn.

    Source: He et al., Delving deep into rectifiers, 2015.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def start_in_the_middle(last: nn.Linear) -> None:
    """First predictions near the middle of the input, where the points are.

    With a last layer of the others' size they are far off at first, and the steps that correct
    them leave the other layers with weights that learn slowly (docs/results.md has the numbers).
    """
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.fill_(0.5)
