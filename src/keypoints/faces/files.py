"""Finds the files of a data set below a folder, however another system packed or spelled them."""

import unicodedata
from collections.abc import Mapping
from filecmp import cmp
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath, PureWindowsPath

from keypoints.core.system_files import is_system_file
from keypoints.faces.face import FormatError

DATASET_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")  # lower case


def find_file(root: Path, *names: str) -> Path:
    """Find the first of `names` that exists below a folder, in the folder nearest to the top.

    Upper and lower case are distinguished only if a file with the exact name exists.

    Raises:
        FormatError: If there is none of these files, or different ones in two folders.
    """
    for name in names:
        files = find_files(root, name)
        paths = [path for path in files if path.name == name] or files
        if not paths:
            continue
        first, *others = sorted(paths, key=lambda path: (len(path.parts), path))
        for other in others:
            if len(other.parts) == len(first.parts) and not cmp(first, other, shallow=False):
                raise FormatError(f"{first} and {other} differ; remove one of them")
        return first
    raise FormatError(f"{root}: no {' or '.join(names)} below it")


def find_files(root: Path, pattern: str) -> list[Path]:
    """Sorted files below a folder whose names match a pattern, in upper or lower case.

    Files that belong to an operating system are left out.
    """
    return sorted(
        path
        for path in root.rglob("*")
        if fnmatchcase(path.name.lower(), pattern.lower())
        and not is_system_file(path.relative_to(root))
        and path.is_file()
    )


class PhotoFinder:
    """Finds photos that an annotation file names, as the file system spells them.

    Args:
        folder: Folder of the annotation file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[PurePosixPath, Mapping[str, str]] = {}

    def find(self, name: str) -> str:
        """Path of a photo below the folder, with slashes.

        Backslashes separate folders. If no file has the exact name, upper and lower case, blanks
        around a name and the composition of its characters are ignored. If there is no such photo,
        the name is returned with slashes.
        """
        path = PureWindowsPath(name)
        try:
            if path.anchor or ".." in path.parts or (self._folder / path.as_posix()).is_file():
                return path.as_posix()
            found = PurePosixPath()
            for part in path.parts:
                found /= self._names_in(found).get(_normalize(part), part)
            return str(found)
        except OSError:  # such as a name that is too long
            return path.as_posix()

    def _names_in(self, folder: PurePosixPath) -> Mapping[str, str]:
        """Names in a folder, by their normalized forms."""
        if folder not in self._names:
            place = self._folder / folder
            names = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
            self._names[folder] = {_normalize(name): name for name in names}
        return self._names[folder]


def _normalize(name: str) -> str:
    """A name as other systems may spell it; macOS decomposes characters such as umlauts."""
    return unicodedata.normalize("NFC", name).strip().lower()
