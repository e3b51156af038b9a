"""Checkpoints of unfinished runs: one file per run, written atomically.

The file's name contains a fingerprint of everything that determines the weights, so a run with
other settings, code or data never uses it. Checkpoints contain no random state, because random
numbers are a function of seed and step (`keypoints.core.rng`).
"""

import hashlib
import io
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from keypoints.core import paths
from keypoints.core.errors import PipelineError, first_line, space_remedy
from keypoints.core.system_files import is_system_file
from keypoints.models.checkpoint import LOAD_ERRORS

MAX_AGE_DAYS = 14


@dataclass(frozen=True)
class TrainState:
    """Progress of a run."""

    epoch: int  # current one, counted from 1 over all phases
    step: int = 0  # number of finished steps of that epoch
    squared_error: float = 0.0  # sum over the faces of these steps of their mean squared error
    faces: int = 0  # number of faces in these steps
    history: list[dict[str, Any]] = field(default_factory=list)  # rows of all finished epochs
    phase: int = 0  # index of the phase of the optimiser and the moving average

    def __str__(self) -> str:
        """Describe the weights of this state."""
        steps = f" and {self.step} steps of the next" if self.step else ""
        return f"those after epoch {self.epoch - 1}{steps}"


class CheckpointFile:
    """The file with weights, optimiser and progress of one run.

    A long epoch is saved again after `interval` seconds; 0 saves every step and every epoch.
    """

    def __init__(self, path: Path, *, interval: float = 120.0) -> None:
        self.path, self._interval = path, interval
        self._saved = time.monotonic()
        self._duration = 0.0  # of the last save, s

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._saved >= self._interval

    @property
    def is_due_after_epoch(self) -> bool:
        """Whether the last save is long enough ago: saving takes at most a tenth of the time.

        On a GPU, an epoch can be shorter than the time to write the file.
        """
        return time.monotonic() - self._saved >= min(self._interval, 9 * self._duration)

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, state: TrainState) -> None:
        """Replace the file.

        Raises:
            PipelineError: If it cannot be written; the previous file is then unchanged.
        """
        start = time.monotonic()
        buffer = io.BytesIO()
        weights = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(weights | {"progress": asdict(state)}, buffer)
        try:
            with paths.atomic_file(self.path) as temporary, temporary.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:
            pass  # another process has finished the same run and removed its files
        except OSError as error:
            remedy = space_remedy(error) or "solve this problem"
            raise PipelineError(
                f"{self.path}: {error.strerror}. The previous checkpoint is unchanged: {remedy} "
                "and run the same command again, and training continues from there"
            ) from error
        self._saved = time.monotonic()
        self._duration = self._saved - start

    def read(self) -> bytes | None:
        """Read the content for `restore`; None if nothing was saved."""
        return self.path.read_bytes() if self.path.is_file() else None

    def discard(self) -> None:
        """Remove the file, and temporary files of runs that were killed while they saved."""
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink(missing_ok=True)


def restore(content: bytes, network: nn.Module, optimizer: torch.optim.Optimizer) -> TrainState:
    """Load a checkpoint into network and optimiser; return the progress of the run.

    Raises:
        PipelineError: If the content is damaged.
    """
    try:
        saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        return TrainState(**saved["progress"])
    except LOAD_ERRORS as error:
        raise PipelineError(
            f"the checkpoint is damaged ({first_line(error)}); remove the file, and training "
            "starts from the beginning"
        ) from error


def prune_checkpoints(folder: Path) -> None:
    """Remove checkpoints that have not been written for some days, and print their number."""
    oldest, removed = time.time() - 86400 * MAX_AGE_DAYS, 0
    for path in folder.glob("*.*"):
        with suppress(FileNotFoundError):  # another training may have removed it
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    if removed:
        print(f"{folder}: removed {removed} checkpoints that were not used for {MAX_AGE_DAYS} days")


def run_fingerprint(settings: str, device: str, data: Iterable[Path]) -> str:
    """Compute a fingerprint of everything that determines the weights of a run, 16 hex digits.

    It is a digest of the settings, the device, every file of the data, the source of the script and
    of every imported module of this library, torch's version and its number of threads.
    """
    machine = f"{device} {torch.__version__} {torch.get_num_threads()}"
    digest = hashlib.sha256(f"{settings}\n{machine}".encode())
    paths_read = [each for path in data for each in sorted([path, *path.rglob("*")])]
    own = (path for path in paths_read if path.is_file() and not is_system_file(Path(path.name)))
    for path in [*_imported_code(), *own]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _imported_code() -> list[Path]:
    names = [name for name in sys.modules if name == "__main__" or name.startswith("keypoints")]
    files = [getattr(sys.modules[name], "__file__", None) for name in names]
    return sorted(Path(file) for file in files if file)
