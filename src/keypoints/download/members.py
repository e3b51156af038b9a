"""Members of untrusted archives: which of them are unpacked, and where."""

import os
from pathlib import Path, PureWindowsPath

from keypoints.core.errors import PipelineError
from keypoints.core.system_files import is_system_file

MAX_MEMBERS = 100_000  # files and folders; iBUG has 15,000


class Members:
    """The members of an archive: each is checked before it is unpacked.

    Attributes:
        folder: Folder that they are unpacked into.
        files: Name in the archive by the path in the folder, of all unpacked files.
        left_out: Names of the members that another system added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, str] = {}
        self.left_out: list[str] = []
        self._n_members = 0

    def add(self, name: str, *, is_plain: bool, is_folder: bool) -> str | None:
        """Path of the next member below the folder; None if it is left out.

        Raises:
            PipelineError: If the member would leave the folder, is neither a file nor a folder, or
                would overwrite a file of another name.
        """
        self._n_members += 1
        if self._n_members > MAX_MEMBERS:
            raise PipelineError(f"more than {MAX_MEMBERS:,} files and folders")
        path = PureWindowsPath(name)  # parses both slashes, and drives
        if is_folder and path.as_posix() == "/":
            return None  # some packers add the folder itself
        if path.anchor or ".." in path.parts:
            raise PipelineError(f"member {name!r} would be written outside the folder")
        if not is_plain:
            raise PipelineError(
                f"member {name!r} must be a plain file or a folder, not a link or a device; pack "
                "links as files (tar --dereference)"
            )
        if is_system_file(path):
            self.left_out += [] if is_folder else [name]
            return None
        target = _valid_name(path.as_posix())
        if not is_folder:
            self._check_overwrite(name, target)
            self.files[target] = name
        return target

    def target_of_link(self, target: str, linkname: str) -> str:
        """Path of the earlier file that a hard link refers to."""
        earlier = _valid_name(PureWindowsPath(linkname).as_posix())
        if earlier == target or earlier not in self.files:
            raise PipelineError(
                f"member {self.files[target]!r} links to {linkname!r}, which is not an earlier "
                "file of the archive"
            )
        return earlier

    def _check_overwrite(self, name: str, target: str) -> None:
        """Later members replace earlier ones of the same name only.

        Names may be equal up to backslashes and, in folders that ignore it, upper and lower case.
        """
        if self.files.get(target, name) != name or (
            target not in self.files and (self.folder / target).exists()
        ):
            other = next(
                (file for path, file in self.files.items() if path.lower() == target.lower()),
                target,
            )
            raise PipelineError(
                f"members {other!r} and {name!r} have the same path; rename one of them"
            )


def _valid_name(name: str) -> str:
    """A name that is UTF-8 on the disk in every locale, because DVC can store no other.

    Names in other encodings are taken for Latin-1, in which old lists of photos are, too.
    """
    encoded = name.encode("utf-8", "surrogateescape")
    try:
        encoded.decode()
    except UnicodeDecodeError:
        encoded = encoded.decode("latin-1").encode()
    return os.fsdecode(encoded)
