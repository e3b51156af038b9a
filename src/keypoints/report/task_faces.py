"""Faces of a task as network inputs; the only module of the report that opens a crop store."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from keypoints.core.geometry import apply_map, compose, invert, unit_map
from keypoints.core.landmarks import SCHEMES
from keypoints.core.lookup_table import LOOKUP_TABLE, read_lookup_table
from keypoints.core.types import Array
from keypoints.crops.augment import Augment
from keypoints.crops.batches import Batch, BatchLoader, to_input
from keypoints.crops.store import MISSING_TEST_FACES, CropStore

_CPU = torch.device("cpu")
_BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class InputFace:
    """A face as a network's input."""

    name: str
    image: NDArray[np.uint8]  # (height, width, channels)
    landmarks_input: Array  # all points of the scheme in pixels of the image, NaN if unknown
    photo_to_input: Array  # map from photo to input pixels, (2, 3)


class TaskFaces:
    """The faces of a task.

    Args:
        folder: Folder of the task's crop store.

    Attributes:
        table: One row per face: face, photo, group, split, view.
        size: Height and width of the network's input, px.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with CropStore(folder) as store:
            self.table: pd.DataFrame = store.faces(np.arange(len(store)))
            self.scheme = SCHEMES[store.format.scheme]
            self.size = store.format.input_size
        self._all_points = tuple(range(self.scheme.n_points))

    def rows(self, split: str) -> NDArray[np.int64]:
        """Row numbers of a split, (n,)."""
        return np.flatnonzero(self.table["split"] == split)

    def sample_rows(self, split: str, count: int) -> NDArray[np.int64]:
        """Select up to `count` evenly spaced rows of a split, with different views."""
        rows = self.rows(split)
        steps = np.arange(count)
        # Shifted by one more row at each step: each person has as many photos, in the same order.
        positions = (steps + 0.5) / count * len(rows) + steps
        return rows[np.unique(np.minimum(positions.astype(int), len(rows) - 1))]

    def inputs(self, rows: NDArray[np.integer]) -> list[InputFace]:
        """Faces as inputs of the network, without augmentation."""
        with CropStore(self._folder) as store:
            loader = BatchLoader(store, rows, self._all_points, batch_size=_BATCH_SIZE)
            return self._to_faces(loader.epoch(), rows)

    def augmented(
        self, rows: NDArray[np.integer], augment: Augment, *, seed: int
    ) -> list[InputFace]:
        """Faces as inputs of the first epoch, with augmentation."""
        with CropStore(self._folder) as store:
            loaders = (
                BatchLoader(store, row, self._all_points, batch_size=1, augment=augment, seed=seed)
                for row in rows[:, None]
            )
            return self._to_faces((batch for loader in loaders for batch in loader.epoch(1)), rows)

    def landmarks_photo(self, rows: NDArray[np.integer]) -> Array:
        """All annotated points in photo pixels, (n_faces, n_points, 2)."""
        faces = self.inputs(rows)
        maps = np.array([face.photo_to_input for face in faces])
        return apply_map(invert(maps), np.array([face.landmarks_input for face in faces]))

    def n_incomplete(self, points: list[int]) -> int:
        """Number of training faces with fewer known points than the most complete one."""
        with CropStore(self._folder) as store:
            landmarks = store.landmarks_photo[self.rows("train")][:, points]
        n_known = np.isfinite(landmarks).all(axis=2).sum(axis=1)
        return int((n_known < n_known.max(initial=0)).sum())

    def requested_points(self) -> NDArray[np.bool_]:
        """Points of each test face that the competition requests, (n_test_faces, n_points).

        All points if test faces were left out: the lookup table then has other numbers.
        """
        shape = len(self.rows("test")), self.scheme.n_points
        if not self.scheme.kinds or (self._folder / MISSING_TEST_FACES).is_file():
            return np.ones(shape, bool)
        requested = np.zeros(shape, bool)
        points = read_lookup_table(self._folder / LOOKUP_TABLE, shape[0]) // 2
        requested.ravel()[points] = True
        return requested

    def _to_faces(self, batches: Iterable[Batch], rows: NDArray[np.integer]) -> list[InputFace]:
        unit_to_input = invert(unit_map(self.size))
        images, landmarks, maps = [], [], []
        for batch in batches:
            pixels = to_input(batch, _CPU).permute(0, 2, 3, 1).mul(255).round().byte()
            images += list(pixels.numpy())
            landmarks += list(apply_map(unit_to_input, batch.landmarks_unit.astype(float)))
            maps += list(compose(unit_to_input, batch.photo_to_unit))
        names = self.table["face"].iloc[rows]
        return [InputFace(*face) for face in zip(names, images, landmarks, maps, strict=True)]
