"""The crop store of a task: every face cut once into one array on disk, with a table beside it.

A store is a folder: crops.npy (n_faces, height, width, channels) uint8, landmarks.npy (n_faces,
n_points, 2) in photo pixels, NaN where unknown, maps.npy (n_faces, 2, 3) from photo to crop,
faces.csv with a row per face, and store.json, which is written last: a store without it is not
whole. What is read is what is asked for, so memory stays flat as the set grows.
"""

import csv
import json
import math
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.core.geometry import compose, scaling, translation
from keypoints.crops.row_file import RowFile

if TYPE_CHECKING:
    import pandas as pd

FACE_COLUMNS = ("face", "photo", "group", "split", "view", "x0", "y0", "x1", "y1")
_DTYPES = {"face": str, "group": str}
_CHUNK = 4096  # rows of faces.csv that are parsed at once


class StoreError(PipelineError):
    """A store that is not whole; the message says what is missing and what to do."""


@dataclass(frozen=True)
class CropFormat:
    """What the crops of a store are.

    Attributes:
        height: Of the network's input, px.
        width: Of the network's input, px.
        margin: Around the input on each side, px of the input.
        colour: RGB or grey.
        box_scale: Input box over given box; None: the whole frame.
        scheme: Name of the landmark scheme.
    """

    height: int
    width: int
    margin: int
    colour: bool
    box_scale: float | None
    scheme: str

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of a stored crop, px."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    @property
    def channels(self) -> int:
        """Channels of a stored crop."""
        return 3 if self.colour else 1

    def crop_to_input(self, tta_scale: float = 1.0) -> NDArray[np.floating]:
        """The map from a stored crop to the network's input, px, (2, 3).

        Args:
            tta_scale: The input shows the box that it was cut for, so many times as large.
        """
        middle = (self.width - 1) / 2, (self.height - 1) / 2
        return compose(scaling(1 / tta_scale, middle), translation(-self.margin, -self.margin))


class CropStore:
    """A store opened for reading.

    Attributes:
        format: Of the crops.
        landmarks_photo: (n_faces, n_points, 2), NaN where unknown; read when rows are asked for.
        photo_to_crop: (n_faces, 2, 3), likewise.

    Raises:
        StoreError: If the store was not written to its end.
    """

    def __init__(self, folder: Path) -> None:
        if folder.is_dir() and not (folder / "store.json").is_file():
            raise StoreError(f"{folder}: no store.json, so it is not whole; prepare the task again")
        self.format = CropFormat(**json.loads((folder / "store.json").read_text()))
        self._table = folder / "faces.csv"
        with ExitStack() as opened:
            self._crops, self.landmarks_photo, self.photo_to_crop = (
                opened.enter_context(RowFile.open(folder / f"{name}.npy"))
                for name in ("crops", "landmarks", "maps")
            )
            self._opened = opened.pop_all()

    def __len__(self) -> int:
        return len(self._crops)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def rows(self, split: str) -> NDArray[np.int64]:
        """Row numbers of one side of the split, (n,)."""
        with self._table.open(encoding="utf-8", newline="") as file:
            faces = csv.DictReader(file)
            is_of_split = np.fromiter((face["split"] == split for face in faces), bool)
        if len(is_of_split) != len(self):
            raise StoreError(
                f"{self._table}: {len(is_of_split)} faces where crops.npy has {len(self)}; "
                "prepare the task again"
            )
        return np.flatnonzero(is_of_split)

    def faces(self, rows: NDArray[np.integer]) -> "pd.DataFrame":
        """Rows of faces.csv in the order asked for, numbered as in the store."""
        import pandas as pd  # half a second, which who only wants a CropFormat does not wait for

        with pd.read_csv(self._table, dtype=_DTYPES, chunksize=_CHUNK) as chunks:
            found = [chunk[chunk.index.isin(rows)] for chunk in chunks]
        return pd.concat(found).loc[rows]

    def crop(self, row: int) -> NDArray[np.uint8]:
        """One stored crop, (height, width, channels)."""
        return self._crops[row]

    def crops(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Some stored crops, (n, height, width, channels)."""
        return self._crops[rows]

    @property
    def crop_bytes(self) -> int:
        """What all crops take in memory."""
        return math.prod(self._crops.shape) * self._crops.dtype.itemsize
