"""What an interrupted training goes on from: one state file per run, whole or not there.

The file's name carries a digest of all that the weights follow from, so a run whose settings, code
or data differ never finds it. No random state is in it: chance is a function (`keypoints.chance`).
"""

import hashlib
import io
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from keypoints.core import paths
from keypoints.core.errors import PipelineError

MAX_AGE_DAYS = 14
_DIGEST_BYTES = hashlib.sha256().digest_size


class StateError(PipelineError):
    """A state that cannot be saved; the message says why, and what is still there."""


@dataclass(frozen=True)
class TrainState:
    """How far a training has come.

    Attributes:
        epoch: The one that it stands in, counted from 1.
        step: Steps of that epoch that are done.
        squared_error: Sum over those steps' faces of their mean squared error.
        faces: Of those steps.
        history: A row of the history for each epoch before.
    """

    epoch: int
    step: int
    squared_error: float
    faces: int
    history: list[dict[str, Any]]

    def __str__(self) -> str:
        """Where it stands, in words."""
        epochs = f"those after epoch {self.epoch - 1}"
        return f"{epochs} and {self.step} steps of the next" if self.step else epochs

    @classmethod
    def at_start_of(cls, epoch: int, history: Sequence[dict[str, Any]] = ()) -> "TrainState":
        """No step of an epoch is done."""
        return cls(epoch, step=0, squared_error=0.0, faces=0, history=list(history))


class CheckpointFile:
    """Weights, optimiser and progress of one run.

    Args:
        path: Of the file; its folder is made when it is first written.
        interval: Seconds after which a long epoch is saved again.
    """

    def __init__(self, path: Path, *, interval: float = 120.0) -> None:
        self.path, self._interval = path, interval
        self._saved = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the last save is longer ago than the interval."""
        return time.monotonic() - self._saved >= self._interval

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, at: TrainState) -> None:
        """Replace the file by the state of now.

        Raises:
            StateError: If it cannot be written; the state saved before is then still there.
        """
        buffer = io.BytesIO()
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state | {"progress": asdict(at)}, buffer)
        try:
            self._replace(buffer.getbuffer())
        except OSError as error:
            raise StateError(
                f"{self.path}: {error.strerror}. What was saved before is kept: make room, give "
                "the same command again, and the training goes on from there"
            ) from error
        self._saved = time.monotonic()

    def _replace(self, state: memoryview) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(f".{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                file.write(hashlib.sha256(state).digest())
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):  # the same run elsewhere has ended and tidied up
                unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)

    def read(self) -> bytes | None:
        """What `restore` takes; None: nothing was saved.

        A damaged file is named, set aside and not used.
        """
        if not self.path.is_file():
            return None
        content = self.path.read_bytes()
        if hashlib.sha256(content[_DIGEST_BYTES:]).digest() != content[:_DIGEST_BYTES]:
            aside = self.path.with_suffix(".damaged")
            self.path.replace(aside)
            print(f"{aside}: damaged, set aside; training starts anew", file=sys.stderr)
            return None
        return content[_DIGEST_BYTES:]

    def discard(self) -> None:
        """The run has ended: remove the file, and what tries killed as they saved have left."""
        for path in self.path.parent.glob(f"{self.path.stem}.*"):
            if path.suffix != ".damaged":
                path.unlink(missing_ok=True)


def restore(content: bytes, network: nn.Module, optimizer: torch.optim.Optimizer) -> TrainState:
    """Bring network and optimiser to a saved state; where the run goes on."""
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return TrainState(**state["progress"])


def open_checkpoint(name: str, digest: str) -> CheckpointFile:
    """The state of a run of a model; those that nobody went on with for long are removed."""
    state = CheckpointFile(paths.checkpoint_file(name, digest))
    prune_checkpoints(state.path.parent)
    return state


def prune_checkpoints(folder: Path, *, days: float = MAX_AGE_DAYS) -> None:
    """Remove the files of trainings that nobody went on with for so many days, and say so."""
    oldest, removed = time.time() - 86400 * days, 0
    for path in folder.glob("*.*"):
        with suppress(FileNotFoundError):  # another training may remove it first
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    if removed:
        print(f"{folder}: removed {removed} files of trainings left alone for {days:g} days")


def run_fingerprint(settings: str, device: str, data: Iterable[Path]) -> str:
    """A name for all that a run's weights follow from.

    Args:
        settings: Resolved, as text.
        device: That it trains on.
        data: Files, and folders whose files count.

    Returns:
        16 hex digits of a digest over the settings, every file of the data, the source of every
        module of this library that is imported by now and of the script, torch's version and its
        number of threads.
    """
    machine = f"{device} {torch.__version__} {torch.get_num_threads()}"
    digest = hashlib.sha256(f"{settings}\n{machine}".encode())
    for path in [*_code(), *_files(data)]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _code() -> list[Path]:
    """The library's modules that are imported by now, and the script that was started."""
    names = [name for name in sys.modules if name == "__main__" or name.startswith("keypoints")]
    files = [getattr(sys.modules[name], "__file__", None) for name in names]
    return sorted(Path(file) for file in files if file)


def _files(data: Iterable[Path]) -> list[Path]:
    return [file for path in data for file in sorted([path, *path.rglob("*")]) if file.is_file()]
