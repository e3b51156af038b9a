"""One step of training: forward, loss, backward, optimiser, moving average of the weights."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from keypoints.core.devices import autocast, supports_fused_optimizer, to_device
from keypoints.crops.batches import Batch, to_input
from keypoints.models.network import WithLogits
from keypoints.training.distillation import Teacher
from keypoints.training.distributed import SINGLE_PROCESS, ProcessGroup
from keypoints.training.losses import LOSSES, Loss
from keypoints.training.optim import OptimSettings, make_optimizer


@dataclass(frozen=True)
class TrainConfig:
    """Options of a training that are the same in all of its phases."""

    loss: Loss
    optim: OptimSettings = OptimSettings()
    decay_fraction: float = 0.0  # of a phase's epochs, over which the learning rate falls
    seed: int = 0  # of the dropout
    device: torch.device = torch.device("cpu")
    teacher: Teacher | None = None
    compile: bool = False


class MovingAverage:
    """Exponential moving average of the weights of a network, which stay where they are.

    Args:
        network: Network whose weights and floating-point buffers are averaged.
        decay: Largest decay per step. It starts at 0, because the first weights are random.

    Attributes:
        network: Copy with the averaged weights, in evaluation mode.

    Source: the warm-up of the decay is that of timm's ModelEmaV3.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        counts = [buffer for buffer in network.buffers() if not buffer.is_floating_point()]
        self.network = deepcopy(network, {id(count): count for count in counts}).eval()
        self._decay = decay
        # Listed once: reading two state dicts per step takes longer than a GPU needs for a step.
        self._averages, self._weights = (
            [value for value in module.state_dict().values() if value.is_floating_point()]
            for module in (self.network, network)
        )

    def update(self, step: int) -> None:
        """Average with the weights after a step, counted from 0."""
        decay = min(self._decay, 1 - step ** (-2 / 3)) if step > 1 else 0.0
        get_ema_multi_avg_fn(decay)(self._averages, self._weights, step)


class Trainer:
    """A network in training, with its optimiser and the moving average of its weights.

    The network maps images to landmarks_unit and is on the device of the configuration.
    """

    optimizer: torch.optim.Optimizer
    eval_model: nn.Module  # to validate and to save: the moving average, if there is one
    checkpoint_module: nn.Module  # its state is in checkpoints, with the optimiser's

    def __init__(
        self, network: nn.Module, config: TrainConfig, group: ProcessGroup = SINGLE_PROCESS
    ) -> None:
        self.network, self.config, self.group = network, config, group
        if config.teacher:
            config.teacher.network.to(config.device)
        self._wrapped = group.wrap(WithLogits(network))
        if config.compile:
            # One graph per batch size: the last batch of an epoch may be smaller.
            self._wrapped.compile(dynamic=False)
        self._start()

    def _start(self) -> None:
        network, optim = self.network, self.config.optim
        fused = supports_fused_optimizer(self.config.device)
        self.optimizer = make_optimizer(network, optim, fused=fused)
        self.eval_model = self.checkpoint_module = network
        self._average: MovingAverage | None = None
        if optim.ema:
            self._average = MovingAverage(network, optim.ema)
            self.eval_model = self._average.network
            self.checkpoint_module = nn.ModuleDict({"network": network, "average": self.eval_model})

    def finish(self) -> None:
        """Give the network the weights of the moving average, if there is one."""
        self.network.load_state_dict(self.eval_model.state_dict())

    def restart(self) -> None:
        """Continue from the moving average, with a new optimiser and a new moving average."""
        self.finish()
        self._start()

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of the next step."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]

    def step(self, batch: Batch, number: int = 0) -> tuple[Tensor, Tensor]:
        """Train on this process's share of a batch; steps are counted from 0 at each restart.

        Returns:
            The loss and the mean squared error before the step, of the whole batch; scalars.
        """
        config, device = self.config, self.config.device
        target, images = to_device(batch.landmarks_unit, device), to_input(batch, device)
        with autocast(device):
            predicted, logits = self._wrapped(images)
        predicted = predicted.float()
        self.optimizer.zero_grad()
        loss = config.loss(predicted, target, logits=logits)
        if config.teacher:
            taught = config.teacher.predict(images)
            distillation_loss = config.loss(predicted, taught, logits=logits)
            loss = torch.lerp(loss, distillation_loss, config.teacher.weight)
        loss = loss * batch.weight
        loss.backward()
        if config.optim.clip_grad is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), config.optim.clip_grad)
        self.optimizer.step()
        if self._average is not None:
            self._average.update(number)
        mse = LOSSES["mse"](predicted.detach(), target) * batch.weight
        loss, mse = self.group.mean(torch.stack((loss.detach(), mse)))
        return loss, mse
