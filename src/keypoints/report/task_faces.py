"""Faces of a task as its networks see them; the only module of the page that opens a crop store."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from keypoints.config.models import Augment
from keypoints.core.geometry import apply_map, compose, invert, unit_map
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.crops.batches import Batch, BatchLoader
from keypoints.crops.store import CropStore
from keypoints.models.predict import to_input

Array = NDArray[np.floating]

_CPU = torch.device("cpu")
_BATCH = 32


@dataclass(frozen=True)
class InputFace:
    """One face as a network's input.

    Attributes:
        name: Of the face in its set.
        image: (height, width, channels) uint8.
        landmarks_input: All points of the scheme in pixels of the image, NaN where unknown.
        photo_to_input: (2, 3).
    """

    name: str
    image: NDArray[np.uint8]
    landmarks_input: Array
    photo_to_input: Array


class TaskFaces:
    """The faces of a task.

    Args:
        folder: Of the task's crop store.

    Attributes:
        table: A row per face: face, photo, group, split, view.
        scheme: Of the landmarks.
        size: Height and width of the network's input, px.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with CropStore(folder) as store:
            self.table: pd.DataFrame = store.faces(np.arange(len(store)))
            self.scheme: Scheme = SCHEMES[store.format.scheme]
            self.size = (store.format.height, store.format.width)

    def rows(self, split: str) -> NDArray[np.int64]:
        """Row numbers of one side of the split, (n,)."""
        return np.flatnonzero(self.table["split"] == split)

    def spread(self, split: str, count: int) -> NDArray[np.int64]:
        """At most `count` rows of one side, spread over it, and over the views of its persons."""
        rows = self.rows(split)
        steps = np.arange(count)
        places = (steps + 0.5) / count * len(rows) + steps  # not the same view of each person
        return rows[np.unique(np.minimum(places.astype(int), len(rows) - 1))] if len(rows) else rows

    def faces(self, rows: NDArray[np.integer]) -> list[InputFace]:
        """Faces as they are predicted."""
        with CropStore(self._folder) as store:
            batches = BatchLoader(store, rows, self._all_points, batch_size=_BATCH)
            seen = [face for batch in batches.epoch() for face in self._seen(batch)]
        return self._named(seen, rows)

    def augmented(
        self, rows: NDArray[np.integer], augment: Augment, *, seed: int, epoch: int = 1
    ) -> list[InputFace]:
        """Faces as they are trained on in one epoch; a draw depends on seed, epoch and row only."""
        seen = []
        with CropStore(self._folder) as store:
            for row in rows:
                alone = BatchLoader(
                    store,
                    np.array([row]),
                    self._all_points,
                    batch_size=1,
                    augment=augment,
                    seed=seed,
                )
                seen += [face for batch in alone.epoch(epoch) for face in self._seen(batch)]
        return self._named(seen, rows)

    def landmarks_photo(self, rows: NDArray[np.integer]) -> Array:
        """All annotated points in photo pixels, (n_faces, n_points, 2)."""
        faces = self.faces(rows)
        maps = np.array([face.photo_to_input for face in faces])
        return apply_map(invert(maps), np.array([face.landmarks_input for face in faces]))

    def n_incomplete(self, points: list[int]) -> int:
        """How many training faces lack some of these points."""
        with CropStore(self._folder) as store:
            landmarks = np.array([store.landmarks_photo[row][points] for row in self.rows("train")])
        return int(np.isnan(landmarks).any(axis=(1, 2)).sum())

    @property
    def _all_points(self) -> tuple[int, ...]:
        return tuple(range(self.scheme.n_points))

    def _seen(self, batch: Batch) -> list[InputFace]:
        images = to_input(batch, _CPU).permute(0, 2, 3, 1).mul(255).round().byte().numpy()
        unit_to_input = invert(unit_map(self.size))
        points = apply_map(unit_to_input, batch.landmarks_unit.astype(float))
        maps = compose(unit_to_input, batch.photo_to_unit)
        return [InputFace("", *parts) for parts in zip(images, points, maps, strict=True)]

    def _named(self, seen: list[InputFace], rows: NDArray[np.integer]) -> list[InputFace]:
        names = self.table["face"].iloc[rows]
        return [
            InputFace(name, face.image, face.landmarks_input, face.photo_to_input)
            for name, face in zip(names, seen, strict=True)
        ]
