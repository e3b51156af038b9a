"""What each process of test_team.py does: `python team_member.py STORE OUT [RANK EPOCH]`.

Two processes take a first step and train together, and the leader writes what came out. RANK, where
it is given, kills itself after EPOCH.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from keypoints.config.models import OptimSettings
from keypoints.core.cli import exit_on_error
from keypoints.crops.augment import Augment
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.training.checkpoint import CheckpointFile
from keypoints.training.distributed import ProcessGroup, process_group
from keypoints.training.loop import train
from keypoints.training.losses import LOSSES
from keypoints.training.trainer import Trainer

EPOCHS = 3
CPU = torch.device("cpu")
AUGMENT = Augment(translate=2, rotation=5, brightness=0.2, saturation=0)
Results = dict[str, np.ndarray]


def network() -> nn.Module:
    """Without batch statistics, which each process would take of its part alone."""
    torch.manual_seed(1)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=4),
        nn.ReLU(),
        nn.AvgPool2d(4),
        nn.Flatten(),
        nn.Linear(24, 6),
        nn.Unflatten(1, (3, 2)),
    )
    return layers.to(memory_format=torch.channels_last)


def batches(store: CropStore, team: ProcessGroup) -> BatchLoader:
    """Of the training faces: eight, so the third batch has two for two processes, or one more."""
    return BatchLoader(
        store,
        store.rows("train"),
        (0, 1, 2),
        batch_size=3,
        augment=AUGMENT,
        seed=1,
        rank=team.rank,
        world_size=team.size,
    )


def first_step(store: CropStore, team: ProcessGroup) -> Results:
    """Gradients and errors of one step."""
    learner = Trainer(network(), LOSSES["wing"], OptimSettings(), CPU, team)
    learner.set_lr(0.0)
    told = learner.step(next(batches(store, team).epoch(1)))
    gradients = [weights.grad for weights in learner.network.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])
    return {"gradients": flat.numpy(), "told": torch.stack(told).numpy()}


def training(
    store: CropStore, team: ProcessGroup, state: Path | None, dies_after: int = 0
) -> Results:
    """Weights and errors of three epochs."""
    trained, validation = network(), team.shard_rows(store.rows("validation"))
    results = []
    for result in train(
        trained,
        batches(store, team),
        BatchLoader(store, validation, (0, 1, 2), batch_size=3),
        loss=LOSSES["wing"],
        lr=0.01,
        epochs=EPOCHS,
        seed=1,
        device=CPU,
        state=CheckpointFile(state, interval=0) if state and team.is_main else None,
        team=team,
    ):
        results.append((result.train_mse, result.val_mse))
        if result.epoch == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
    weights = nn.utils.parameters_to_vector(trained.parameters()).detach().numpy()
    return {"weights": weights, "errors": np.array(results)}


def main(store: str, out: str, rank: str = "", epoch: str = "0") -> None:
    """Train in two processes."""
    with exit_on_error(), CropStore(Path(store)) as opened, process_group(2) as team:
        dies_after = int(epoch) if str(team.rank) == rank else 0
        step = first_step(opened, team)
        whole = training(opened, team, Path(out).with_suffix(".state"), dies_after)
        if team.is_main:
            np.savez(out, **step, **whole)


if __name__ == "__main__":
    main(*sys.argv[1:])
