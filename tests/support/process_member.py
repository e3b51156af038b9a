"""Training in two processes: `python process_member.py STORE OUT [RANK EPOCH]`.

The script starts itself twice under torchrun. The processes take a first step and train together,
and the main one writes the results. The process RANK, if it is given, kills itself after EPOCH.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from keypoints.core.cli import exit_on_error
from keypoints.crops.augment import Augment
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.training.checkpoint import CheckpointFile
from keypoints.training.distributed import ProcessGroup, launch_processes, process_group
from keypoints.training.loop import Phase, train
from keypoints.training.losses import LOSSES
from keypoints.training.optim import OptimSettings
from keypoints.training.trainer import TrainConfig, Trainer

AUGMENT = Augment(translate=2, rotation=5, brightness=0.2, saturation=0)
CONFIG = TrainConfig(LOSSES["wing"], OptimSettings(ema=0.5), seed=1)
POINTS, SMALL, FULL = (0, 1, 2), (24, 32), (48, 64)
EPOCHS = {SMALL: 1, FULL: 2}
Results = dict[str, np.ndarray]


def make_network() -> nn.Module:
    """A network without batch statistics, which each process would compute from its own shard."""
    torch.manual_seed(1)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.Flatten(),
        nn.Linear(24, 6),
        nn.Unflatten(1, (3, 2)),
    )
    return layers.to(memory_format=torch.channels_last)


def load_training_faces(
    store: CropStore, group: ProcessGroup, input_size: tuple[int, int] = FULL
) -> BatchLoader:
    """Batches of eight faces: two processes share three, three and two."""
    return BatchLoader(
        store,
        store.rows("train"),
        POINTS,
        batch_size=3,
        augment=AUGMENT,
        seed=1,
        input_size=input_size,
        rank=group.rank,
        world_size=group.world_size,
    )


def run_first_step(store: CropStore, group: ProcessGroup) -> Results:
    """Gradients, loss and error of one step."""
    trainer = Trainer(make_network(), CONFIG, group)
    trainer.set_lr(0.0)
    losses = trainer.step(next(load_training_faces(store, group).epoch(1)))
    gradients = [weights.grad for weights in trainer.network.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])
    return {"gradients": flat.numpy(), "losses": torch.stack(losses).numpy()}


def run_training(
    store: CropStore, group: ProcessGroup, checkpoint: Path | None, dies_after: int = 0
) -> Results:
    """Weights and errors of three epochs in two phases."""
    network, validation_rows = make_network(), group.shard_rows(store.rows("validation"))
    phases: list[Phase] = []
    for input_size, epochs in EPOCHS.items():
        train_batches = load_training_faces(store, group, input_size)
        validation_batches = BatchLoader(
            store, validation_rows, POINTS, batch_size=3, input_size=input_size
        )
        first_epoch = 1 + sum(phase.epochs for phase in phases)
        phases.append(Phase(train_batches, validation_batches, first_epoch, epochs, lr=0.01))
    file = CheckpointFile(checkpoint, interval=0) if checkpoint and group.is_main else None
    errors = []
    for result in train(network, phases, CONFIG, checkpoint=file, group=group):
        errors.append((result.train_mse, result.val_mse))
        if result.epoch == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
    weights = nn.utils.parameters_to_vector(network.parameters()).detach().numpy()
    return {"weights": weights, "errors": np.array(errors)}


def main(store: str, out: str, rank: str = "", epoch: str = "0") -> None:
    """Train in two processes."""
    with exit_on_error():
        launch_processes(2)
    with exit_on_error(), CropStore(Path(store)) as opened, process_group() as group:
        dies_after = int(epoch) if str(group.rank) == rank else 0
        step = run_first_step(opened, group)
        results = run_training(opened, group, Path(out).with_suffix(".state"), dies_after)
        if group.is_main:
            np.savez(out, **step, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
