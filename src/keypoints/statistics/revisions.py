"""Outputs of other revisions and experiments, read from DVC's cache without a checkout."""

import atexit
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from keypoints.core.errors import PipelineError, first_line, os_error_message
from keypoints.core.system_files import is_system_file

if TYPE_CHECKING:
    from dvc.fs import DVCFileSystem


class MissingOutputError(PipelineError):
    """A revision has no such output, or DVC's cache does not contain it."""


class RevisionOutputs:
    """Outputs of a DVC project at a commit, branch, tag or experiment, or in the `workspace`.

    Raises:
        PipelineError: If the folder of the project or the revision does not exist, or the revision
            does not contain the project.
    """

    def __init__(self, revision: str, project: Path = Path()) -> None:
        if not project.is_dir():
            raise PipelineError(f"{project}: no such folder; name a model, or contenders/NAME")
        self._revision, self._project = revision, project
        self._switched = ExitStack()  # keeps the repository at the revision
        self._files = None if revision == "workspace" else self._open_files()

    def read(self, path: Path) -> str:
        """Read a text file of the project.

        Raises:
            MissingOutputError: If the revision or the cache does not contain it.
            PipelineError: If it cannot be read, or is not a text file.
        """
        try:
            if self._files is None:
                return (self._project / path).read_text(encoding="utf-8")
            return self._files.read_text(path.as_posix(), encoding="utf-8")
        except FileNotFoundError as error:
            raise MissingOutputError(
                f"{self._project / path}: {self._revision} has no such output{self._reason()}"
            ) from error
        except OSError as error:
            raise PipelineError(os_error_message(error, self._project / path)) from error
        except UnicodeDecodeError as error:
            raise PipelineError(f"{self._project / path}: not a text file ({error})") from error

    def names(self, folder: Path) -> list[str]:
        """Sorted names of the files in a folder, whether or not the cache contains them."""
        if self._files is None:
            paths = [path.name for path in (self._project / folder).glob("*.*")]
        else:
            try:
                paths = self._files.ls(folder.as_posix(), detail=False)
            except FileNotFoundError:
                return []
        names = [Path(path).name for path in paths]
        return sorted(name for name in names if not is_system_file(Path(name)))

    def _reason(self) -> str:
        """Why an output is missing, as the end of a message."""
        if self._files is None:
            return "; run `dvc repro`"
        if not self._files.exists("dvc.lock"):
            return ", because it contains no dvc.lock; commit one after `dvc repro`"
        return (
            " in DVC's cache; run `dvc repro` there and commit dvc.lock, or `dvc pull` the results "
            "of another machine"
        )

    def _open_files(self) -> "DVCFileSystem":
        # DVC takes seconds to import. Its DVCFileSystem would not find the cache of a project
        # below the root of the repository.
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        atexit.register(self._switched.close)  # git's files cannot be closed any later
        try:
            # Only the cache is read, not a remote, which the user's own settings may name.
            repo = Repo(str(self._project), config={"core": {"remote": ""}})
            self._switched.callback(repo.close)
            self._switched.enter_context(repo.switch(self._revision))
        except DvcException as error:
            raise PipelineError(
                f"{self._revision}: {first_line(error)}; give a commit, an experiment, or workspace"
            ) from error
        return repo.dvcfs
