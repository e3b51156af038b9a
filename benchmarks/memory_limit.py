"""A limit on the memory of a command, including cached file pages, by a Linux control group."""

import os
from pathlib import Path
from types import TracebackType

_ROOT = Path("/sys/fs/cgroup")


class NoLimitError(Exception):
    """The user of this machine cannot create a control group."""


class MemoryLimit:
    """Context manager of a control group for commands.

    Args:
        n_bytes: Maximum memory of all processes of the group.

    Raises:
        NoLimitError: On entering, if the control group cannot be created.
    """

    def __init__(self, n_bytes: int) -> None:
        is_version_1 = (_ROOT / "memory").is_dir()
        parent = _ROOT / "memory" if is_version_1 else _ROOT
        self._folder = parent / f"keypoints-{os.getpid()}"
        self._file = "memory.limit_in_bytes" if is_version_1 else "memory.max"
        self._n_bytes = n_bytes

    def __enter__(self) -> "MemoryLimit":
        try:
            self._folder.mkdir()
            try:
                (self._folder / self._file).write_text(str(self._n_bytes))
            except OSError:
                self._folder.rmdir()
                raise
        except OSError as error:
            raise NoLimitError(f"the control group cannot be created ({error})") from error
        return self

    def wrap(self, command: list[str]) -> list[str]:
        """Command that runs `command` within the limit."""
        enter = f'echo $$ > "{self._folder}/cgroup.procs" && exec "$@"'
        return ["sh", "-c", enter, "sh", *command]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.rmdir()


def drop_cached_pages(path: Path) -> None:
    """Drop the cached pages of a file: a group does not count pages that others have read."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
