"""Collects the files that could not be written, so that one of them does not stop the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keypoints.annotation.images import PhotoError, describe
from keypoints.core.errors import PipelineError, is_disk_full, os_error_message, space_remedy


class WriteFailures:
    """Messages about the files that could not be written, each of them once.

    Args:
        folder: Folder of all outputs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._messages: dict[str, None] = {}  # in their order
        self._n_taken = 0
        self._tolerates_full_disk = False

    def __len__(self) -> int:
        return len(self._messages)

    @contextmanager
    def collect(self, name: str) -> Iterator[None]:
        """Collect the error of a file that the block cannot write.

        Args:
            name: What is written; used if the error contains no path.

        Raises:
            PipelineError: If the disk is full, and there are further files to write.
        """
        try:
            yield
        except PhotoError as error:
            self._messages[str(error)] = None
        except OSError as error:
            if is_disk_full(error) and not self._tolerates_full_disk:
                raise PipelineError(os_error_message(error, self._folder)) from error
            path = error.filename2 or error.filename or name
            message = f"{path}: cannot be written ({describe(error)})"
            remedy = space_remedy(error)
            self._messages[f"{message}; {remedy}" if remedy else message] = None

    def take_new(self) -> list[str]:
        """The messages since the last call."""
        new = list(self._messages)[self._n_taken :]
        self._n_taken = len(self._messages)
        return new

    def tolerate_full_disk(self) -> None:
        """Collect a full disk like other errors from now on: the last files are being completed."""
        self._tolerates_full_disk = True
