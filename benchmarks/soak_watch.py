"""What happens to the queue's processes: memory and open files, and the end of some trainings."""

import time
from contextlib import suppress
from pathlib import Path

import psutil
from ruamel.yaml import YAML

INTERVAL = 0.3  # seconds between two looks
PATIENCE = 60.0  # seconds in which the first worker has to appear


class Watch:
    """Looks at a repository's workers until they have ended.

    Args:
        folder: Of the repository.
        doomed: Seeds of the trainings to kill, with the seconds that each may live.

    Attributes:
        killed: Seeds of the trainings that were killed.
        memory: Resident memory of all workers, MiB, a value per look.
        open_files: Of all workers, likewise.
    """

    def __init__(self, folder: Path, doomed: dict[int, float]) -> None:
        self._folder, self._doomed = folder.resolve(), doomed
        self._first_seen: dict[int, float] = {}
        self.killed: set[int] = set()
        self.memory: list[float] = []
        self.open_files: list[float] = []

    def until_the_workers_end(self, n_workers: int) -> None:
        """Return when no worker is left.

        Raises:
            TimeoutError: If none appears.
        """
        start = time.monotonic()
        were_there = False
        while True:
            workers, trainings = self._processes()
            were_there |= bool(workers)
            if not workers and were_there:
                return
            if not workers and time.monotonic() - start > PATIENCE:
                raise TimeoutError(f"no worker of the queue began within {PATIENCE:g} s")
            if len(workers) == n_workers:  # not while one starts or has ended
                self._note(workers)
            for process in trainings:
                self._maybe_kill(process)
            time.sleep(INTERVAL)

    def _processes(self) -> tuple[list[psutil.Process], list[psutil.Process]]:
        """The repository's workers, and the trainings that run for it."""
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

    def _note(self, workers: list[psutil.Process]) -> None:
        with suppress(psutil.NoSuchProcess):
            memory = sum(worker.memory_info().rss for worker in workers)
            self.open_files.append(sum(worker.num_fds() for worker in workers))
            self.memory.append(memory / 2**20)

    def _maybe_kill(self, process: psutil.Process) -> None:
        first_seen = self._first_seen.setdefault(process.pid, time.monotonic())
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            params = YAML(typ="safe").load(Path(process.cwd()) / "params.yaml")
            seconds = self._doomed.get(params["seed"])
            if seconds is not None and time.monotonic() - first_seen >= seconds:
                process.kill()
                self.killed.add(params["seed"])
