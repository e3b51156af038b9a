"""A bound on the memory of a command, its cached file pages included, by a Linux control group."""

import os
from pathlib import Path
from types import TracebackType

_ROOT = Path("/sys/fs/cgroup")


class NoLimitError(Exception):
    """This machine does not let the user bound a command's memory."""


class MemoryLimit:
    """A control group for commands, removed when the block ends.

    Args:
        n_bytes: What its processes may have together.

    Raises:
        NoLimitError: On entering, where control groups cannot be made.
    """

    def __init__(self, n_bytes: int) -> None:
        is_first_version = (_ROOT / "memory").is_dir()
        parent = _ROOT / "memory" if is_first_version else _ROOT
        self._folder = parent / f"keypoints-{os.getpid()}"
        self._file = "memory.limit_in_bytes" if is_first_version else "memory.max"
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
            raise NoLimitError(f"no control group of one's own ({error})") from error
        return self

    def around(self, command: list[str]) -> list[str]:
        """The command that runs a command within the limit."""
        enter = f'echo $$ > "{self._folder}/cgroup.procs" && exec "$@"'
        return ["sh", "-c", enter, "sh", *command]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.rmdir()


def drop_cached(path: Path) -> None:
    """Drop a file's cached pages: a group does not count those that others have read."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
