"""The learning rate as a function of the step."""

import math

from keypoints.training.optim import OptimSettings


def lr_at(
    step: int,  # counted from 0 over all epochs
    *,
    steps_per_epoch: int,
    epochs: int,
    lr: float,
    decay_fraction: float = 0.0,
    optim: OptimSettings,
) -> float:
    """Compute the learning rate of a step.

    Two factors scale `lr`. One is constant per epoch and falls in equal steps over the last epochs
    (`decay_fraction`). The other one rises over the first steps (`optim.warmup`) and then stays at
    1, or falls along half a cosine to 0 (`optim.schedule`).

    Source: Loshchilov and Hutter, SGDR, 2017; Goyal et al., Accurate, large minibatch SGD, 2017.
    """
    epochs_left = epochs - step // steps_per_epoch
    epoch_lr = lr * min(1.0, epochs_left / (decay_fraction * epochs + 1))
    n_steps = epochs * steps_per_epoch
    warmup_steps = optim.warmup * n_steps
    if step < warmup_steps:
        return epoch_lr * ((step + 1) / (warmup_steps + 1))
    if optim.schedule == "constant":
        return epoch_lr
    progress = math.pi * (step - warmup_steps) / (n_steps - warmup_steps)
    return epoch_lr * ((1 + math.cos(progress)) / 2)
