"""Monitors the workers of a queue: memory and open files; kills some of their trainings."""

import time
from contextlib import suppress
from pathlib import Path

import psutil
from ruamel.yaml import YAML

INTERVAL_S = 0.3  # between two samples
START_TIMEOUT_S = 60.0  # for the first worker to appear


class WorkerMonitor:
    """Samples the workers of a repository until they have ended.

    Args:
        folder: Folder of the repository.
        lifetimes: Seconds after which a training is killed, by its seed.

    Attributes:
        killed: Seeds of the trainings that were killed.
        memory: Resident memory of all workers in MiB, per sample.
        open_files: Number of open files of all workers, per sample.
    """

    def __init__(self, folder: Path, lifetimes: dict[int, float]) -> None:
        self._folder, self._lifetimes = folder.resolve(), lifetimes
        self._first_seen: dict[int, float] = {}
        self.killed: set[int] = set()
        self.memory: list[float] = []
        self.open_files: list[float] = []

    def wait_for_workers(self, n_workers: int) -> None:
        """Return when no worker is left.

        Raises:
            TimeoutError: If no worker appears.
        """
        start = time.monotonic()
        started = False
        while True:
            workers, trainings = self._find_processes()
            started |= bool(workers)
            if not workers and started:
                return
            if not workers and time.monotonic() - start > START_TIMEOUT_S:
                raise TimeoutError(f"no worker of the queue started within {START_TIMEOUT_S:g} s")
            if len(workers) == n_workers:  # otherwise one is starting or has ended
                self._sample(workers)
            for process in trainings:
                self._maybe_kill(process)
            time.sleep(INTERVAL_S)

    def _find_processes(self) -> tuple[list[psutil.Process], list[psutil.Process]]:
        """The workers of the repository, and its trainings."""
        workers, trainings = [], []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = process.cmdline()
                if "queue-worker" in command and self._is_here(process):
                    workers.append(process)
                elif "src/train.py" in command and self._is_here(process):
                    trainings.append(process)
        return workers, trainings

    def _is_here(self, process: psutil.Process) -> bool:
        return Path(process.cwd()).is_relative_to(self._folder)

    def _sample(self, workers: list[psutil.Process]) -> None:
        with suppress(psutil.NoSuchProcess):
            memory = sum(worker.memory_info().rss for worker in workers)
            self.open_files.append(sum(worker.num_fds() for worker in workers))
            self.memory.append(memory / 2**20)

    def _maybe_kill(self, process: psutil.Process) -> None:
        first_seen = self._first_seen.setdefault(process.pid, time.monotonic())
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            params = YAML(typ="safe").load(Path(process.cwd()) / "params.yaml")
            lifetime = self._lifetimes.get(params["seed"])
            if lifetime is not None and time.monotonic() - first_seen >= lifetime:
                process.kill()
                self.killed.add(params["seed"])
