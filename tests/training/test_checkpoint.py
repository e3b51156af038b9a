"""Interrupted trainings continue, and end with the same bits as uninterrupted ones."""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest
import torch
from small_models import OWN_MODELS, build, info_for
from torch import nn

from keypoints.core.errors import PipelineError
from keypoints.crops.augment import Augment
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.models.predict import load_model
from keypoints.training.checkpoint import (
    CheckpointFile,
    TrainState,
    prune_checkpoints,
    run_fingerprint,
)
from keypoints.training.history import EpochResult
from keypoints.training.loop import Phase, TrainingError, save_last_good, train
from keypoints.training.losses import LOSSES
from keypoints.training.optim import OptimSettings
from keypoints.training.trainer import TrainConfig

AUGMENT = Augment(translate=2, rotation=5, brightness=0.2, saturation=0, cooldown=0.5)
CONFIG = TrainConfig(LOSSES["mse"], OptimSettings(ema=0.9, warmup=0.2, schedule="cosine"), seed=1)
SMALL, FULL = (24, 32), (48, 64)  # input sizes, px
EPOCHS = {SMALL: 1, FULL: 2}


def small_network() -> nn.Module:
    """A network for any input size, with batch statistics and dropout."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(1, 3, 5, stride=4),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d((2, 3)),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(18, 2),
            nn.Unflatten(1, (1, 2)),
        )


class InterruptionError(Exception):
    """Stands for anything that ends a process."""


class InterruptedFile(CheckpointFile):
    """Saves at every step; interrupts the training after some saves."""

    def __init__(self, path: Path, saves: int) -> None:
        super().__init__(path, interval=0)
        self._left = saves

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, state: TrainState) -> None:
        super().save(network, optimizer, state)
        self._left -= 1
        if self._left == 0:
            raise InterruptionError


def make_phases(store: CropStore) -> list[Phase]:
    """One epoch on small inputs, then two at full size."""
    phases: list[Phase] = []
    for input_size, epochs in EPOCHS.items():
        first_epoch = 1 + sum(phase.epochs for phase in phases)
        train_batches, validation_batches = (
            BatchLoader(
                store,
                store.rows(split),
                (0,),
                batch_size=3,
                augment=augment,
                epochs=epochs,
                first_epoch=first_epoch,
                seed=1,
                input_size=input_size,
            )
            for split, augment in (("train", AUGMENT), ("validation", None))
        )
        phases.append(Phase(train_batches, validation_batches, first_epoch, epochs, 0.01))
    return phases


def run(
    store: CropStore, network: nn.Module, checkpoint: CheckpointFile | None
) -> list[EpochResult]:
    return list(train(network, make_phases(store), CONFIG, checkpoint=checkpoint))


def without_durations(history: list[EpochResult]) -> list[dict[str, float]]:
    return [{key: v for key, v in asdict(row).items() if key != "seconds"} for row in history]


def assert_equal_bits(network: nn.Module, other: nn.Module) -> None:
    own, others = network.state_dict(), other.state_dict()
    assert all(torch.equal(own[name], others[name]) for name in own)


@pytest.fixture(scope="module")
def uninterrupted(dot_store: CropStore) -> tuple[nn.Module, list[EpochResult]]:
    network = small_network()
    return network, run(dot_store, network, None)


@pytest.mark.parametrize("saves", range(1, 13))  # 3 epochs of 3 steps, and after each epoch
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    dot_store: CropStore,
    uninterrupted: tuple[nn.Module, list[EpochResult]],
    tmp_path: Path,
    saves: int,
) -> None:
    path = tmp_path / "states" / "run.state"
    with pytest.raises(InterruptionError):
        run(dot_store, small_network(), InterruptedFile(path, saves))
    network = small_network()
    history = run(dot_store, network, CheckpointFile(path))
    assert_equal_bits(network, uninterrupted[0])
    assert without_durations(history) == without_durations(uninterrupted[1])
    assert [result.epoch for result in history] == [1, 2, 3]


def test_a_run_that_is_interrupted_again_and_again_ends_like_an_uninterrupted_one(
    dot_store: CropStore, uninterrupted: tuple[nn.Module, list[EpochResult]], tmp_path: Path
) -> None:
    path = tmp_path / "run.state"
    for _ in range(5):
        with pytest.raises(InterruptionError):
            run(dot_store, small_network(), InterruptedFile(path, 2))
    network = small_network()
    run(dot_store, network, CheckpointFile(path))
    assert_equal_bits(network, uninterrupted[0])


def test_a_finished_run_returns_its_result_again(
    dot_store: CropStore, uninterrupted: tuple[nn.Module, list[EpochResult]], tmp_path: Path
) -> None:
    path = tmp_path / "run.state"
    histories = []
    for _ in range(2):
        network = small_network()
        histories.append(run(dot_store, network, CheckpointFile(path, interval=0)))
        assert_equal_bits(network, uninterrupted[0])
    assert histories[0] == histories[1]


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def empty(content: bytes) -> bytes:
    return b""


def replace_all(content: bytes) -> bytes:
    return b"not a checkpoint"


@pytest.mark.parametrize("damage", [truncate, empty, replace_all])
def test_a_damaged_checkpoint_is_an_error_that_names_the_file(
    dot_store: CropStore, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "run.state"
    with pytest.raises(InterruptionError):
        run(dot_store, small_network(), InterruptedFile(path, 6))
    path.write_bytes(damage(path.read_bytes()))
    message = rf"{path}: the checkpoint is damaged \(.*\); remove the file"
    with pytest.raises(PipelineError, match=message):
        run(dot_store, small_network(), CheckpointFile(path))


def test_a_checkpoint_that_cannot_be_written_leaves_the_previous_one(
    dot_store: CropStore, uninterrupted: tuple[nn.Module, list[EpochResult]], tmp_path: Path
) -> None:
    path = tmp_path / "run.state"
    with pytest.raises(InterruptionError):
        run(dot_store, small_network(), InterruptedFile(path, 6))
    message = rf"{path}: File too large. The previous checkpoint is unchanged: raise the limit of"
    with no_file_larger_than(1000), pytest.raises(PipelineError, match=message):
        run(dot_store, small_network(), CheckpointFile(path))
    assert [file.name for file in tmp_path.iterdir()] == ["run.state"]
    network = small_network()
    run(dot_store, network, CheckpointFile(path))
    assert_equal_bits(network, uninterrupted[0])


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Writing more than `size` bytes is an OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_run_that_continues_prints_where(
    dot_store: CropStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.state"
    with pytest.raises(InterruptionError):
        run(dot_store, small_network(), InterruptedFile(path, 6))
    assert "continuing" not in capsys.readouterr().out
    run(dot_store, small_network(), CheckpointFile(path))
    assert capsys.readouterr().out == f"{path}: continuing in epoch 2 after step 2\n"


def test_discarding_a_checkpoint_removes_its_files_and_no_others(tmp_path: Path) -> None:
    for name in ("run.state", "run.state.4711.tmp", "run.last_good.safetensors", "other.state"):
        (tmp_path / name).write_bytes(b"")
    CheckpointFile(tmp_path / "run.state").discard()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"run.last_good.safetensors", "other.state"}


def test_old_checkpoints_are_removed_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("old.state", "old.state.4711.tmp", "new.state"):
        (tmp_path / name).write_bytes(b"")
    for name in ("old.state", "old.state.4711.tmp"):
        os.utime(tmp_path / name, (0, time.time() - 15 * 86400))
    prune_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new.state"]
    assert f"{tmp_path}: removed 2 checkpoints that were not used for 14 days" in (
        capsys.readouterr().out
    )


def test_the_last_good_weights_of_a_diverged_training_are_saved_as_a_model(tmp_path: Path) -> None:
    model = OWN_MODELS["nose_net_16ch"]
    network, info = build(model, n_points=1), info_for(model)
    error = TrainingError("the loss is nan")
    checkpoint = CheckpointFile(tmp_path / "states" / "nose.state")
    assert save_last_good(error, checkpoint, network, info) is error
    error.last_good = TrainState(3)
    message = str(save_last_good(error, checkpoint, network, info))
    path = tmp_path / "states" / "nose.last_good.safetensors"
    assert message == f"the loss is nan\n{path}: the last good weights, those after epoch 2"
    assert load_model(path).info == info


def test_the_fingerprint_depends_on_settings_device_and_data(tmp_path: Path) -> None:
    data = tmp_path / "crops"
    data.mkdir()
    (data / "crops.npy").write_bytes(b"one")
    fingerprint = run_fingerprint("lr 1", "cpu", [data])
    (data / ".DS_Store").write_bytes(b"of macOS")
    assert run_fingerprint("lr 1", "cpu", [data]) == fingerprint
    assert run_fingerprint("lr 2", "cpu", [data]) != fingerprint
    assert run_fingerprint("lr 1", "mps", [data]) != fingerprint
    (data / "crops.npy").write_bytes(b"two")
    assert run_fingerprint("lr 1", "cpu", [data]) != fingerprint


def test_the_fingerprint_depends_on_the_imported_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = run_fingerprint("lr 1", "cpu", [])
    module, file = ModuleType("keypoints.new"), tmp_path / "new.py"
    file.write_text("x = 1")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "keypoints.new", module)
    changed = run_fingerprint("lr 1", "cpu", [])
    file.write_text("x = 2")
    assert len({fingerprint, changed, run_fingerprint("lr 1", "cpu", [])}) == 3
