"""Outputs as other revisions and experiments have them: out of DVC's cache, past the workspace."""

from pathlib import Path
from typing import TYPE_CHECKING

from keypoints.core.errors import PipelineError, first_line

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem

WORKSPACE = "workspace"


class RevisionError(PipelineError):
    """A revision, or an output of one, that cannot be had; the message says why."""


class RevisionOutputs:
    """The outputs of one revision; the workspace itself is neither read nor changed.

    Args:
        revision: What git or DVC knows: a commit, a branch, a tag, the name of an experiment; or
            `workspace`, for the files as they are.

    Raises:
        RevisionError: If there is no such revision.
    """

    def __init__(self, revision: str) -> None:
        self.revision = revision
        self._files = None if revision == WORKSPACE else _files_of(revision)

    def read(self, path: Path) -> str:
        """Read a text.

        Args:
            path: Relative to the repository's root.

        Raises:
            RevisionError: If the revision has no such output, or the cache has lost it.
        """
        try:
            if self._files is None:
                return path.read_text(encoding="utf-8")
            return self._files.read_text(path.as_posix(), encoding="utf-8")
        except FileNotFoundError as error:
            raise RevisionError(
                f"{path}: not in {self.revision}: no such output, or DVC's cache does not have it; "
                "run the model there"
            ) from error

    def names(self, folder: Path) -> list[str]:
        """The files in a folder, whether or not the cache has them, in the order of their names."""
        if self._files is None:
            return sorted(path.name for path in folder.glob("*.*"))
        try:
            found = self._files.ls(folder.as_posix(), detail=False)
        except FileNotFoundError:
            return []
        return sorted(Path(path).name for path in found)


def _files_of(revision: str) -> "DVCFileSystem":
    from dvc.api import DVCFileSystem  # DVC takes seconds to import
    from dvc.exceptions import DvcException

    files = DVCFileSystem(".", rev=revision)
    try:
        files.repo  # noqa: B018, looks the revision up
    except DvcException as error:
        raise RevisionError(
            f"{revision}: {first_line(error)}; say a commit, an experiment, or {WORKSPACE}"
        ) from error
    return files
