"""Faces as a sequence in a temporary file: memory stays flat as the data set grows.

`read_faces` fills it from the annotation files of a data set and collects all of their faults.
"""

import fnmatch
import json
import re
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, overload

import numpy as np

from keypoints.faces.face import Face, FormatError
from keypoints.faces.faults import Fault, FaultyFacesError

EXCLUDED = "excluded.txt"  # in the folder of a data set: names of the faces to leave out


@dataclass(frozen=True)
class FaceEntry:
    """A face in an annotation file, which is read only if it is not left out."""

    name: str
    read: Callable[[], Face | None]  # None: the file marks the face as one to ignore
    is_test: bool = False


@dataclass(frozen=True)
class FaceList:
    """The faces of one annotation file."""

    entries: Iterable[FaceEntry]
    source: Path  # in messages
    by_name: bool = False  # sorted by the names of the faces


def read_faces(root: Path, *lists: FaceList) -> "DiskBackedFaces":
    """Read the faces of all lists of a data set, except those that `write_excluded` noted.

    Raises:
        FaultyFacesError: If some entries are faulty, with all faults and the other faces.
    """
    faces, faults = DiskBackedFaces(), list[Fault]()
    is_excluded = match_names(read_excluded(root))
    for one in lists:
        n_faces, n_faults = len(faces), len(faults)
        try:
            read = _read_entries(one, is_excluded, faces.left_out, faults)
            faces.extend(read, one.source, by_name=one.by_name)
            if (len(faces), len(faults)) == (n_faces, n_faults):
                raise FormatError(f"{one.source}: no face in it")
        except FormatError as error:
            faults.append(Fault(str(error)))
    if faults:
        raise FaultyFacesError(faults, faces)
    return faces


def match_names(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test whether a face's name is one of the given names or matches a pattern, as in helen/*.

    Names and patterns may end with the extension of the photo, and have backslashes.
    """
    names = {
        re.sub(r"\.(jpe?g|png)$", "", pattern.replace("\\", "/"), flags=re.IGNORECASE)
        for pattern in patterns
    }
    has_wildcard = [name for name in sorted(names) if re.search(r"[*?[]", name)]
    matches = re.compile("|".join(map(fnmatch.translate, has_wildcard)) or "(?!)").match
    return lambda name: name in names or bool(matches(name))


def write_excluded(root: Path, patterns: Sequence[str]) -> None:
    """Note the faces that all readers of the data set leave out."""
    if patterns:
        text = "".join(f"{pattern}\n" for pattern in patterns)
        (root / EXCLUDED).write_text(text, encoding="utf-8")


def read_excluded(root: Path) -> list[str]:
    """Names and patterns that `write_excluded` noted."""
    path = root / EXCLUDED
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _read_entries(
    faces: FaceList,
    is_excluded: Callable[[str], bool],
    left_out: list[FaceEntry],
    faults: list[Fault],
) -> Iterator[Face]:
    for entry in faces.entries:
        if is_excluded(entry.name):
            left_out.append(entry)
            continue
        try:
            face = entry.read()
        except FormatError as error:
            faults.append(Fault(str(error), entry.name))
            continue
        if face is None:
            left_out.append(entry)
        else:
            yield face


class DiskBackedFaces(Sequence[Face]):
    """Faces in an unnamed temporary file; each face is read on access.

    A face takes 8 bytes of memory, for its offset, and about 1.4 KB of the file, in the folder of
    Python's `tempfile` (TMPDIR). The file is removed together with the sequence.

    Attributes:
        left_out: Entries of the annotation files that were left out.
    """

    def __init__(self) -> None:
        self.left_out: list[FaceEntry] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115, closed by the next line
        weakref.finalize(self, _close, self._file)
        self._starts = array("Q")

    def extend(self, faces: Iterable[Face], source: Path, *, by_name: bool = False) -> None:
        """Append faces; FormatError, with their `source`, if two of them have the same name."""
        names: list[str] = []
        starts = array("Q")
        end = self._file.seek(0, 2)
        for face in faces:
            names.append(face.name)
            starts.append(end)
            end += self._file.write(_encode(face))
        order = sorted(range(len(names)), key=names.__getitem__)
        for one, other in pairwise(order):
            if names[one] == names[other]:
                raise FormatError(f"{source}: {names[one]} is listed twice")
        self._starts.extend((starts[number] for number in order) if by_name else starts)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Face: ...

    @overload
    def __getitem__(self, index: slice) -> list[Face]: ...

    def __getitem__(self, index: int | slice) -> Face | list[Face]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        self._file.seek(self._starts[index])
        fields = json.loads(self._file.readline())
        box, n_points = fields.pop("box"), fields.pop("n_points")
        points = np.frombuffer(self._file.read(16 * n_points)).reshape(n_points, 2)
        return Face(
            box=None if box is None else tuple(box),
            landmarks_photo=points if n_points else None,
            **fields,
        )


def _close(file: IO[bytes]) -> None:
    """Close the file, even if the disk is full: buffered bytes of a removed list are not needed."""
    with suppress(OSError):
        file.close()


def _encode(face: Face) -> bytes:
    """A line of JSON, then 16 bytes per point."""
    fields = dict(vars(face))
    landmarks = fields.pop("landmarks_photo")
    points = b"" if landmarks is None else landmarks.astype(float).tobytes()
    return json.dumps(fields | {"n_points": len(points) // 16}).encode() + b"\n" + points
