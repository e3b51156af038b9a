"""An array in a .npy file whose rows are written and read one by one, at their offsets.

No memory map: pages of a map count as the process's own memory and grow with the set, while a read
leaves only its rows behind.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


class RowFile:
    """An opened .npy file of format 1.0, from `create` or `open`; threads may share it.

    Attributes:
        shape: Of the array; the first axis is that of the rows.
        dtype: Of the array.
    """

    def __init__(self, file: IO[bytes]) -> None:
        version = np.lib.format.read_magic(file)
        assert version == (1, 0), "create writes version 1.0"
        self.shape, _, self.dtype = np.lib.format.read_array_header_1_0(file)
        self._file, self._start = file, file.tell()
        self._row_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize

    @classmethod
    def create(cls, path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Self:
        """Make a file of its final size, which is zeros until rows are written.

        Raises:
            OSError: If the disk has no room for it.
        """
        file = path.open("w+b", buffering=0)
        descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        try:
            np.lib.format.write_array_header_1_0(file, header)
            file.seek(0)
            made = cls(file)
            file.truncate(made._start + len(made) * made._row_bytes)
        except OSError as error:
            file.close()
            raise _unwritten(file, error.strerror) from error
        return made

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file for reading."""
        return cls(path.open("rb", buffering=0))

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __setitem__(self, row: int, value: ArrayLike) -> None:
        data = np.ascontiguousarray(value, self.dtype)
        if data.shape != self.shape[1:]:
            data = np.ascontiguousarray(np.broadcast_to(value, self.shape[1:]), self.dtype)
        try:
            n_written = os.pwrite(self._file.fileno(), data.data, self._offset(row))
        except OSError as error:
            raise _unwritten(self._file, error.strerror) from error
        if n_written != data.nbytes:
            raise _unwritten(self._file, f"face {row} was not written whole")

    def __getitem__(self, rows: int | Sequence[int] | NDArray[np.integer]) -> NDArray:
        """One row, or as many as there are numbers, stacked in their order.

        Raises:
            OSError: If the file is cut short.
        """
        if isinstance(rows, (int, np.integer)):
            return self[[int(rows)]][0]
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place, row in zip(found, rows, strict=True):
            if os.preadv(self._file.fileno(), [place.data], self._offset(row)) != place.nbytes:
                raise OSError(f"{self._file.name}: cut short at face {row}; prepare the task again")
        return found

    def _offset(self, row: int) -> int:
        if not 0 <= row < len(self):
            raise IndexError(f"{self._file.name}: no row {row}; it has {len(self)}")
        return self._start + int(row) * self._row_bytes


def _unwritten(file: IO[bytes], reason: str | None) -> OSError:
    return OSError(f"{file.name}: {reason}; make room and prepare the task again")
