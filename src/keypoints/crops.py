"""The crop store of a task: every face cut once into one array on disk, with a table beside it.

A store is a folder: crops.npy (n_faces, height, width, channels) uint8, landmarks.npy (n_faces,
n_points, 2) in photo pixels, NaN where unknown, maps.npy (n_faces, 2, 3) from photo to crop,
faces.csv with a row per face, and store.json. Crops are written and read at their offsets in the
file, not through a memory map: pages of a map count as the process's own memory and grow with the
set, while a read leaves only the batch behind.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class CropFormat:
    """What the crops of a store are.

    Attributes:
        height: Of the network's input, px.
        width: Of the network's input, px.
        margin: Around the input on each side, px of the input.
        colour: RGB or grey.
        enlarge: Input box over given box; None: the whole frame.
        scheme: Name of the landmark scheme.
    """

    height: int
    width: int
    margin: int
    colour: bool
    enlarge: float | None
    scheme: str

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of a stored crop, px."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    @property
    def channels(self) -> int:
        """Channels of a stored crop."""
        return 3 if self.colour else 1


class CropStore:
    """A store opened for reading.

    Attributes:
        format: Of the crops.
        table: faces.csv, a row per face.
        landmarks_photo: (n_faces, n_points, 2), NaN where unknown.
        photo_to_crop: (n_faces, 2, 3).
    """

    def __init__(self, folder: Path) -> None:
        self.format = CropFormat(**json.loads((folder / "store.json").read_text()))
        self.table = pd.read_csv(folder / "faces.csv", dtype={"face": str, "group": str})
        self.landmarks_photo = np.load(folder / "landmarks.npy")
        self.photo_to_crop = np.load(folder / "maps.npy")
        self._file = (folder / "crops.npy").open("rb", buffering=0)
        version = np.lib.format.read_magic(self._file)
        assert version == (1, 0), "write_store writes version 1.0"
        shape, _, _ = np.lib.format.read_array_header_1_0(self._file)
        self._start, self._shape = self._file.tell(), shape

    def __len__(self) -> int:
        return self._shape[0]

    def __enter__(self) -> "CropStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def rows(self, split: str) -> NDArray[np.int64]:
        """Row numbers of one side of the split, (n,)."""
        return np.flatnonzero(self.table["split"] == split)

    def crop(self, row: int) -> NDArray[np.uint8]:
        """One stored crop, (height, width, channels)."""
        crop = np.empty(self._shape[1:], np.uint8)
        read = os.preadv(self._file.fileno(), [crop.data], self._start + int(row) * crop.nbytes)
        if read != crop.nbytes:
            raise OSError(f"{self._file.name}: cut short at face {row}; prepare the task again")
        return crop
