"""Interrupted trainings: they go on, and end where uninterrupted ones do, bit for bit."""

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
from torch import nn

from keypoints.crops.augment import Augment
from keypoints.crops.batches import BatchLoader
from keypoints.crops.store import CropStore
from keypoints.training.checkpoint import (
    CheckpointFile,
    StateError,
    TrainState,
    prune_checkpoints,
    run_fingerprint,
)
from keypoints.training.history import EpochResult
from keypoints.training.loop import train
from keypoints.training.losses import LOSSES

CPU = torch.device("cpu")
AUGMENT = Augment(translate=2, rotation=5, brightness=0.2, saturation=0)


def small_network() -> nn.Module:
    """Convolutions in channels-last format, batch statistics and dropout: all that has a state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(1, 3, 5, stride=4),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.AvgPool2d(4),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(18, 2),
            nn.Unflatten(1, (1, 2)),
        )


class Interruption(Exception):
    """Stands for whatever ends a process."""


class InterruptedFile(CheckpointFile):
    """Saves at every step, and is interrupted after some saves."""

    def __init__(self, path: Path, saves: int) -> None:
        super().__init__(path, interval=0)
        self._left = saves

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, at: TrainState) -> None:
        super().save(network, optimizer, at)
        self._left -= 1
        if self._left == 0:
            raise Interruption


def run(store: CropStore, network: nn.Module, state: CheckpointFile | None) -> list[EpochResult]:
    def batches(split: str, augment: Augment | None) -> BatchLoader:
        return BatchLoader(store, store.rows(split), (0,), batch_size=3, augment=augment, seed=1)

    return list(
        train(
            network,
            batches("train", AUGMENT),
            batches("validation", None),
            loss=LOSSES["mse"],
            lr=0.01,
            epochs=3,
            seed=1,
            device=CPU,
            state=state,
        )
    )


def told(history: list[EpochResult]) -> list[dict[str, float]]:
    """The rows of a history without what a clock says."""
    return [{key: v for key, v in asdict(row).items() if key != "seconds"} for row in history]


def assert_equal_bits(network: nn.Module, other: nn.Module) -> None:
    own, others = network.state_dict(), other.state_dict()
    assert all(torch.equal(own[name], others[name]) for name in own)


@pytest.fixture(scope="module")
def whole(dot_store: CropStore) -> tuple[nn.Module, list[EpochResult]]:
    """A run that nothing interrupted."""
    network = small_network()
    return network, run(dot_store, network, None)


@pytest.mark.parametrize("saves", range(1, 13))  # 3 epochs of 3 steps, and after each epoch
def test_an_interrupted_run_ends_where_a_whole_one_does(
    dot_store: CropStore,
    whole: tuple[nn.Module, list[EpochResult]],
    tmp_path: Path,
    saves: int,
) -> None:
    path = tmp_path / "states" / "run.state"
    with pytest.raises(Interruption):
        run(dot_store, small_network(), InterruptedFile(path, saves))
    network = small_network()
    history = run(dot_store, network, CheckpointFile(path))
    assert_equal_bits(network, whole[0])
    assert told(history) == told(whole[1])


def test_every_further_interruption_is_survived_too(
    dot_store: CropStore, whole: tuple[nn.Module, list[EpochResult]], tmp_path: Path
) -> None:
    path = tmp_path / "run.state"
    for _ in range(5):
        with pytest.raises(Interruption):
            run(dot_store, small_network(), InterruptedFile(path, 2))
    network = small_network()
    run(dot_store, network, CheckpointFile(path))
    assert_equal_bits(network, whole[0])


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def with_another_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def emptied(content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut_short, with_another_byte, emptied])
def test_a_damaged_state_is_named_set_aside_and_not_used(
    dot_store: CropStore,
    whole: tuple[nn.Module, list[EpochResult]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[bytes], bytes],
) -> None:
    path = tmp_path / "run.state"
    with pytest.raises(Interruption):
        run(dot_store, small_network(), InterruptedFile(path, 6))
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    network = small_network()
    run(dot_store, network, CheckpointFile(path))
    aside = tmp_path / "run.damaged"
    assert f"{aside}: damaged, set aside; training starts anew" in capsys.readouterr().err
    assert aside.read_bytes() == damaged
    assert_equal_bits(network, whole[0])


def test_a_state_that_cannot_be_written_leaves_the_one_before(
    dot_store: CropStore, whole: tuple[nn.Module, list[EpochResult]], tmp_path: Path
) -> None:
    path = tmp_path / "run.state"
    with pytest.raises(Interruption):
        run(dot_store, small_network(), InterruptedFile(path, 6))
    kept = rf"{path}: File too large. What was saved before is kept: make room"
    with no_file_larger_than(1000), pytest.raises(StateError, match=kept):
        run(dot_store, small_network(), CheckpointFile(path))
    assert [file.name for file in tmp_path.iterdir()] == ["run.state"]
    network = small_network()
    run(dot_store, network, CheckpointFile(path))
    assert_equal_bits(network, whole[0])


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """As on a disk that is nearly full: writing beyond is an OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_run_that_goes_on_says_where(
    dot_store: CropStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.state"
    with pytest.raises(Interruption):
        run(dot_store, small_network(), InterruptedFile(path, 6))
    assert "goes on" not in capsys.readouterr().out
    run(dot_store, small_network(), CheckpointFile(path))
    assert capsys.readouterr().out == f"{path}: goes on in epoch 2, after step 2\n"


def test_the_end_of_a_run_removes_its_files_and_no_other(tmp_path: Path) -> None:
    for name in ("run.state", "run.4711", "run.damaged", "other.state", "other.4711"):
        (tmp_path / name).write_bytes(b"")
    CheckpointFile(tmp_path / "run.state").discard()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"run.damaged", "other.state", "other.4711"}


def test_files_that_nobody_went_on_with_are_removed_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("old.state", "old.damaged", "new.state"):
        (tmp_path / name).write_bytes(b"")
    for name in ("old.state", "old.damaged"):
        os.utime(tmp_path / name, (0, time.time() - 15 * 86400))
    prune_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new.state"]
    assert f"{tmp_path}: removed 2 files of trainings left alone for 14 days" in (
        capsys.readouterr().out
    )


def test_a_run_goes_by_its_settings_device_and_data(tmp_path: Path) -> None:
    data = tmp_path / "crops"
    data.mkdir()
    (data / "crops.npy").write_bytes(b"one")
    digest = run_fingerprint("lr 1", "cpu", [data])
    assert run_fingerprint("lr 1", "cpu", [data]) == digest
    assert run_fingerprint("lr 2", "cpu", [data]) != digest
    assert run_fingerprint("lr 1", "mps", [data]) != digest
    (data / "crops.npy").write_bytes(b"two")
    assert run_fingerprint("lr 1", "cpu", [data]) != digest


def test_a_run_goes_by_the_code_that_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = run_fingerprint("lr 1", "cpu", [])
    module, file = ModuleType("keypoints.new"), tmp_path / "new.py"
    file.write_text("x = 1")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "keypoints.new", module)
    changed = run_fingerprint("lr 1", "cpu", [])
    file.write_text("x = 2")
    assert len({digest, changed, run_fingerprint("lr 1", "cpu", [])}) == 3
