"""The crop store of a task: a folder with one array of all crops, and a table of the faces.

    crops.npy       (n_faces, height, width, channels) uint8
    landmarks.npy   (n_faces, n_points, 2), in photo pixels, NaN if unknown
    maps.npy        (n_faces, 2, 3), from photo to crop, without the offset of labels
    faces.csv       one row per face
    store.json      the crop format; written last, so a store without it is incomplete
    missing_test_faces.txt    names of test faces that were left out, if any

Reading loads only the requested rows, so memory stays flat as the data set grows.
"""

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.core.records import damaged_output, read_record
from keypoints.core.tables import NAMES_AS_TEXT
from keypoints.crops.format import CropFormat
from keypoints.crops.row_file import RowFile

if TYPE_CHECKING:
    import pandas as pd

MISSING_TEST_FACES = "missing_test_faces.txt"
FACE_COLUMNS = ("face", "photo", "group", "split", "view", "mirrored", "x0", "y0", "x1", "y1")
_CHUNK = 4096  # rows of faces.csv that are parsed at once


def _read_format(path: Path) -> CropFormat:
    try:
        return CropFormat(**read_record(path))
    except TypeError as error:
        raise damaged_output(path, error) from error


class CropStore:
    """A crop store, opened for reading; indexing its three arrays reads the rows.

    Attributes:
        format: Format of the crops.
        crops: Crops, (n_faces, height, width, channels) uint8.
        landmarks_photo: Landmarks, (n_faces, n_points, 2), NaN if unknown.
        photo_to_crop: Maps of landmarks, (n_faces, 2, 3). If the task has symmetric labels, they
            move labels by the data set's offset, and predictions back.

    Raises:
        PipelineError: If the store is incomplete.
    """

    def __init__(self, folder: Path) -> None:
        if folder.is_dir() and not (folder / "store.json").is_file():
            raise PipelineError(
                f"{folder}: no store.json, so the store is incomplete; "
                f"run `dvc repro prepare@{folder.name}`"
            )
        self.format = _read_format(folder / "store.json")
        self._table = folder / "faces.csv"
        with ExitStack() as files:
            self.crops, self.landmarks_photo, self.photo_to_crop = (
                files.enter_context(RowFile.open(folder / f"{name}.npy"))
                for name in ("crops", "landmarks", "maps")
            )
            self._files = files.pop_all()

    def __len__(self) -> int:
        return len(self.crops)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def rows(self, split: str) -> NDArray[np.int64]:
        """Row numbers of the faces of a split, (n,); PipelineError if faces.csv is truncated."""
        try:
            with self._table.open(encoding="utf-8", newline="") as file:
                faces = csv.DictReader(file)
                is_in_split = np.fromiter((face["split"] == split for face in faces), bool)
        except (KeyError, ValueError, csv.Error) as error:
            raise damaged_output(self._table, error) from error
        if len(is_in_split) != len(self):
            raise PipelineError(
                f"{self._table}: {len(is_in_split)} faces where crops.npy has {len(self)}; "
                f"run `dvc repro prepare@{self._table.parent.name}`"
            )
        return np.flatnonzero(is_in_split)

    def faces(self, rows: NDArray[np.integer]) -> "pd.DataFrame":
        """Rows of faces.csv, in the order of `rows`; PipelineError if it is damaged.

        The index contains the row numbers.
        """
        import pandas as pd  # takes half a second; reading a CropFormat does not need it

        try:
            with pd.read_csv(self._table, chunksize=_CHUNK, **NAMES_AS_TEXT) as chunks:
                found = [chunk[chunk.index.isin(rows)] for chunk in chunks]
            return pd.concat(found).loc[rows]
        except (KeyError, ValueError) as error:  # such as the errors of pandas
            raise damaged_output(self._table, error) from error
