"""Faces as a sequence in a temporary file: memory stays flat as the data set grows."""

import json
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, overload

import numpy as np

from keypoints.faces.face import Face, FormatError


class DiskBackedFaces(Sequence[Face]):
    """Faces in an unnamed temporary file; each face is read on access.

    A face takes 8 bytes of memory, for its offset, and about 1.4 KB of the file, in the folder of
    Python's `tempfile` (TMPDIR). The file is removed together with the sequence.
    """

    def __init__(self) -> None:
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
