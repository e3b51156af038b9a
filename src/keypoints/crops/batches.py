"""Which faces, with which draw, are the batch of step t, and their pixels.

Images leave as uint8 (n, height, width, channels), which is torch's channels-last memory format
once its axes are renamed.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from keypoints.config.models import Augment
from keypoints.core.geometry import apply_map, compose, unit_map
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.rng import Stream, generator
from keypoints.crops.augment import AugmentParams, sample_params
from keypoints.crops.cpu_crops import CpuCropReader, CropReader
from keypoints.crops.store import CropStore

Array = NDArray[np.floating]

_CHUNK = 4096  # faces whose landmarks are in memory at once


@dataclass(frozen=True)
class Batch:
    """The faces of one step.

    Attributes:
        images: (n, height, width, channels) uint8, as `Pixels` gives them.
        landmarks_unit: (n, n_points, 2) float32; NaN where unknown.
        photo_to_unit: (n, 2, 3), the whole way of each face; its inverse takes predictions back.
        draws: Whose colour change is still to be applied; None where nothing is drawn.
        sizes: Photo pixels in the width of the input, over their mean in all rows; (n,), draws left
            aside. Metrics in photo pixels count a face that much. None: not asked for.
        weight: Of its mean loss, where it is a part: their mean is that of the whole batch.
    """

    images: NDArray[np.uint8] | Tensor
    landmarks_unit: NDArray[np.float32]
    photo_to_unit: Array
    draws: AugmentParams | None
    sizes: NDArray[np.float32] | None = None
    weight: float = 1.0


class BatchLoader:
    """BatchLoader of some rows of a store, the next one made while the last one is used.

    Args:
        store: Opened crop store.
        rows: The faces, (n,).
        points: Which landmarks are predicted.
        batch_size: Faces per batch; the last of an epoch may be smaller.
        augment: The largest draws; None for none, and the rows in their order.
        epochs: Of the whole training, for draws that are weaker at its end.
        seed: Of order and draws.
        tta_scale: The input shows the box that it was cut for, so many times as large.
        with_face_sizes: Whether the batches say how large their faces are.
        part: (k, n): of every batch the k-th of n parts, counted from 0.
        pixels: Where its images come from; None: from the store's files.
    """

    def __init__(
        self,
        store: CropStore,
        rows: NDArray[np.integer],
        points: tuple[int, ...],
        *,
        batch_size: int,
        augment: Augment | None = None,
        epochs: int = 1,
        seed: int = 0,
        tta_scale: float = 1.0,
        with_face_sizes: bool = False,
        part: tuple[int, int] = (0, 1),
        pixels: CropReader | None = None,
    ) -> None:
        self.rows = np.asarray(rows)
        self._store, self._points = store, list(points)
        self._batch_size, self._augment, self._seed = batch_size, augment, seed
        self._epochs, self._pixels = epochs, pixels or CpuCropReader(store)
        self._crop_to_input = store.format.crop_to_input(tta_scale)
        self._part, self._with_sizes = part, with_face_sizes
        if augment is not None and augment.hflip:
            self._mirror_order = flip_indices_of(points, SCHEMES[store.format.scheme])

    @property
    def steps(self) -> int:
        """BatchLoader per epoch."""
        return -(-len(self.rows) // self._batch_size)

    def n_faces(self, step: int) -> int:
        """Faces of a step's batch, with all parts."""
        return min(self._batch_size, len(self.rows) - step * self._batch_size)

    def epoch(self, epoch: int = 0, *, first_step: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, counted from 1, or those after its first steps."""
        order = self._order(epoch)
        pieces = [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]
        ahead: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(1) as maker:
            for piece in pieces[first_step:]:
                ahead.append(maker.submit(self._load, piece, epoch))
                if len(ahead) > 1:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def mean_shape_unit(self) -> Array:
        """The mean shape of the faces as they are, without draws.

        Returns:
            (n_points, 2) in 0..1 of the input; the middle for a point that no face has.
        """
        sums, counts = (np.zeros((len(self._points), 2)) for _ in range(2))
        for start in range(0, len(self.rows), _CHUNK):
            rows = self.rows[start : start + _CHUNK]
            photo_to_unit = self._photo_to_unit(rows, self._crop_to_input)
            landmarks_unit = apply_map(photo_to_unit, self._landmarks_photo(rows))
            sums += np.nansum(landmarks_unit, axis=0)
            counts += np.isfinite(landmarks_unit).sum(axis=0)
        return np.where(counts > 0, sums / np.maximum(counts, 1), 0.5)

    def _order(self, epoch: int) -> NDArray[np.integer]:
        if self._augment is None:
            return self.rows
        return generator(self._seed, Stream.ORDER, epoch).permutation(self.rows)

    def _load(self, of_all: NDArray[np.integer], epoch: int) -> Batch:
        rows = self._shard(of_all)
        draws = self._draw(rows, epoch)
        crop_to_input = np.broadcast_to(self._crop_to_input, (len(rows), 2, 3))
        if draws is not None:
            crop_to_input = compose(draws.maps, crop_to_input)
        photo_to_unit = self._photo_to_unit(rows, crop_to_input)
        landmarks_photo = self._landmarks_photo(rows)
        if draws is not None:
            for face in np.flatnonzero(draws.mirrored):
                landmarks_photo[face] = landmarks_photo[face, self._mirror_order]
        return Batch(
            images=self._pixels.images(rows, crop_to_input, draws),
            landmarks_unit=apply_map(photo_to_unit, landmarks_photo).astype(np.float32),
            photo_to_unit=photo_to_unit,
            draws=draws,
            sizes=self._sizes(rows) if self._with_sizes else None,
            weight=self._weight(of_all),
        )

    def _sizes(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        return (self._face_px(rows) / self._mean_px).astype(np.float32)

    @cached_property
    def _mean_px(self) -> float:
        return float(self._face_px(self.rows).mean())

    def _face_px(self, rows: NDArray[np.integer]) -> Array:
        """Photo pixels in the width of the input, (n,)."""
        crop_px_per_photo_px = np.linalg.norm(self._store.photo_to_crop[rows][:, 0, :2], axis=-1)
        return self._store.format.width / crop_px_per_photo_px

    def _photo_to_unit(self, rows: NDArray[np.integer], crop_to_input: Array) -> Array:
        to_unit = unit_map((self._store.format.height, self._store.format.width))
        return compose(to_unit, compose(crop_to_input, self._store.photo_to_crop[rows]))

    def _landmarks_photo(self, rows: NDArray[np.integer]) -> Array:
        return self._store.landmarks_photo[rows][:, self._points]

    def _shard(self, rows: NDArray[np.integer]) -> NDArray[np.integer]:
        """A part is never empty: where there are fewer faces than parts, some have the first."""
        number, of = self._part
        own = rows[number::of]
        return own if len(own) else rows[:1]

    def _weight(self, rows: NDArray[np.integer]) -> float:
        """A fair share of the coordinates that are known has weight one; an empty one has none."""
        number, of = self._part
        if of == 1:
            return 1.0
        known = np.isfinite(self._landmarks_photo(rows)).sum(axis=(1, 2))
        return float(of * known[number::of].sum() / max(1, known.sum()))

    def _draw(self, rows: NDArray[np.integer], epoch: int) -> AugmentParams | None:
        if self._augment is None or self._augment.is_identity:
            return None
        size = (self._store.format.height, self._store.format.width)
        augment = self._augment.at_epoch(epoch, self._epochs)
        return sample_params(augment, size, seed=self._seed, epoch=epoch, rows=rows)
