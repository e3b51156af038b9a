"""An array in a .npy file whose rows are written and read one by one.

A memory map would count its pages as memory of the process, growing with the data set; reading at
offsets keeps only the requested rows.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from keypoints.core.errors import space_remedy
from keypoints.core.records import damaged_output


class RowFile:
    """An open .npy file of format 1.0, from `create` or `open`; threads may share it."""

    def __init__(self, file: IO[bytes]) -> None:
        version = np.lib.format.read_magic(file)
        assert version == (1, 0), "create writes version 1.0"
        self.shape, _, self.dtype = np.lib.format.read_array_header_1_0(file)
        self._file, self._start = file, file.tell()
        self._row_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize

    @classmethod
    def create(cls, path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Self:
        """Create a file of its final size, filled with zeros; OSError if the disk has no room."""
        file = path.open("w+b", buffering=0)
        descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        try:
            np.lib.format.write_array_header_1_0(file, header)
            file.seek(0)
            rows = cls(file)
            file.truncate(rows._start + len(rows) * rows._row_bytes)
        except OSError as error:
            file.close()
            raise _write_error(file, error) from error
        return rows

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file for reading; PipelineError if its header is damaged."""
        file = path.open("rb", buffering=0)
        try:
            return cls(file)
        except (AssertionError, ValueError) as error:
            file.close()
            raise damaged_output(path, error) from error

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __setitem__(self, row: int, value: ArrayLike) -> None:
        data = np.ascontiguousarray(np.broadcast_to(value, self.shape[1:]), self.dtype).tobytes()
        n_written = 0
        try:
            while n_written < len(data):  # after a part, the system reports why there is no more
                start = self._offset(row) + n_written
                n_written += os.pwrite(self._file.fileno(), data[n_written:], start)
        except OSError as error:
            raise _write_error(self._file, error) from error

    def __getitem__(self, rows: int | Sequence[int] | NDArray[np.integer]) -> NDArray:
        """One row, or several stacked in the order of their numbers; OSError if the file is cut."""
        if isinstance(rows, (int, np.integer)):
            return self[[int(rows)]][0]
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for value, row in zip(values, rows, strict=True):
            if os.preadv(self._file.fileno(), [value.data], self._offset(row)) != value.nbytes:
                path = self._file.name
                raise OSError(f"{path}: cut short at face {row}; {_prepare_command(path)}")
        return values

    def _offset(self, row: int) -> int:
        if not 0 <= row < len(self):
            raise IndexError(f"{self._file.name}: no row {row}; it has {len(self)}")
        return self._start + int(row) * self._row_bytes


def _write_error(file: IO[bytes], error: OSError) -> OSError:
    remedy = f"{space_remedy(error)} and {_prepare_command(file.name)}".removeprefix(" and ")
    return OSError(f"{file.name}: {error.strerror}; {remedy}")


def _prepare_command(path: str) -> str:
    """The remedy for a file of a task's crop store."""
    return f"run `dvc repro prepare@{Path(path).parent.name}`"
