"""Batches of faces: their order, their augmentation, and their images and landmarks."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from keypoints.core.devices import to_device
from keypoints.core.geometry import apply_map, compose, resize_map, unit_map
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.rng import Stream, generator
from keypoints.core.types import Array
from keypoints.crops.augment import Augment, AugmentParams, adjust_colours, sample_params
from keypoints.crops.cpu_crops import CpuCropReader, CropReader
from keypoints.crops.store import CropStore

_CHUNK = 4096  # faces whose landmarks are in memory at once


@dataclass(frozen=True)
class Batch:
    """The faces of one step.

    Attributes:
        images: Images, (n, height, width, channels) uint8; a tensor if they are on a GPU.
        landmarks_unit: Landmarks in 0..1 of the input, (n, n_points, 2) float32, NaN if unknown.
        photo_to_unit: Maps from the photos, (n, 2, 3); their inverses map predictions back.
        augment_params: Augmentation, whose colours `to_input` still has to change; None: none.
        weight: Weight of this process's loss; the mean over all processes is that of the batch.
    """

    images: NDArray[np.uint8] | Tensor
    landmarks_unit: NDArray[np.float32]
    photo_to_unit: Array
    augment_params: AugmentParams | None
    weight: float = 1.0


def to_input(batch: Batch, device: torch.device) -> Tensor:
    """Convert the images of a batch to the input of a network, in 0..1, and adjust their colours.

    Returns:
        (n, channels, height, width) float32 in channels-last memory format.
    """
    images = to_device(batch.images, device).permute(0, 3, 1, 2).float().div_(255)
    if batch.augment_params is None:
        return images
    return adjust_colours(images, batch.augment_params)


class BatchLoader:
    """Loads batches of some rows of a store; a thread prepares the next batch.

    Args:
        store: Open crop store.
        rows: Rows of the faces, (n,).
        points: Indices of the predicted points in the scheme.
        batch_size: Faces per batch; the last one of an epoch may be smaller.
        augment: Augmentation, in a random order of the faces; None: no augmentation, rows in order.
        epochs: Number of epochs of the training phase, which determines the cooldown.
        first_epoch: Number of the phase's first epoch.
        seed: Seed of order and augmentation.
        tta_scale: Factor by which the input region is larger than the one the crop was cut for.
        input_size: Height and width of the images, px; None: the task's input size.
        rank: Number of this process, counted from 0.
        world_size: Number of processes that share each batch.
        reader: Reader of the images; None: from the disk.
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
        first_epoch: int = 1,
        seed: int = 0,
        tta_scale: float = 1.0,
        input_size: tuple[int, int] | None = None,
        rank: int = 0,
        world_size: int = 1,
        reader: CropReader | None = None,
    ) -> None:
        self.rows = np.asarray(rows)
        self._store, self._points, self._batch_size = store, list(points), batch_size
        self._augment, self._seed = augment, seed
        self._first_epoch, self._epochs = first_epoch, epochs
        self._rank, self._world_size = rank, world_size
        self._reader = reader or CpuCropReader(store)
        self._task_size = store.format.input_size
        self._input_size = input_size or self._task_size
        self._crop_to_task = store.format.crop_to_input(tta_scale)
        height, width = self._task_size
        self._task_to_input = resize_map((0, 0, width, height), self._input_size)
        if augment is not None and augment.hflip:
            self._flip_indices = flip_indices_of(points, SCHEMES[store.format.scheme])

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return -(-len(self.rows) // self._batch_size)

    def n_faces(self, step: int) -> int:
        """Faces of a step's batch in all processes."""
        return min(self._batch_size, len(self.rows) - step * self._batch_size)

    def epoch(self, epoch: int = 0, *, first_step: int = 0) -> Iterator[Batch]:
        """Load the batches of one epoch, counted from 1, without its first steps."""
        order = self._order(epoch)
        batches = [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]
        pending: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(1) as thread:
            for rows in batches[first_step:]:
                pending.append(thread.submit(self._load, rows, epoch))
                if len(pending) > 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def mean_shape_unit(self) -> Array:
        """Mean shape of the faces without augmentation.

        Returns:
            (n_points, 2) in 0..1 of the input; the centre for a point that is never known.
        """
        sums, counts = (np.zeros((len(self._points), 2)) for _ in range(2))
        for start in range(0, len(self.rows), _CHUNK):
            rows = self.rows[start : start + _CHUNK]
            photo_to_unit = self._photo_to_unit(rows, self._crop_to_task)
            landmarks_unit = apply_map(photo_to_unit, self._landmarks_photo(rows))
            sums += np.nansum(landmarks_unit, axis=0)
            counts += np.isfinite(landmarks_unit).sum(axis=0)
        return np.where(counts > 0, sums / np.maximum(counts, 1), 0.5)

    def _order(self, epoch: int) -> NDArray[np.integer]:
        if self._augment is None:
            return self.rows
        return generator(self._seed, Stream.ORDER, epoch).permutation(self.rows)

    def _load(self, batch_rows: NDArray[np.integer], epoch: int) -> Batch:
        rows = self._shard(batch_rows)
        params = self._sample(rows, epoch)
        crop_to_task = np.broadcast_to(self._crop_to_task, (len(rows), 2, 3))
        landmarks_photo = self._landmarks_photo(rows)
        if params is not None:
            crop_to_task = compose(params.maps, crop_to_task)
            for face in np.flatnonzero(params.flipped):
                landmarks_photo[face] = landmarks_photo[face, self._flip_indices]
        crop_to_input = crop_to_task
        if self._input_size != self._task_size:
            crop_to_input = compose(self._task_to_input, crop_to_task)
        photo_to_unit = self._photo_to_unit(rows, crop_to_task)
        return Batch(
            images=self._reader.read(rows, crop_to_input, self._input_size, params),
            landmarks_unit=apply_map(photo_to_unit, landmarks_photo).astype(np.float32),
            photo_to_unit=photo_to_unit,
            augment_params=params,
            weight=self._weight(batch_rows),
        )

    def _photo_to_unit(self, rows: NDArray[np.integer], crop_to_task: Array) -> Array:
        task_to_unit = unit_map(self._task_size)
        return compose(task_to_unit, compose(crop_to_task, self._store.photo_to_crop[rows]))

    def _landmarks_photo(self, rows: NDArray[np.integer]) -> Array:
        return self._store.landmarks_photo[rows][:, self._points]

    def _shard(self, rows: NDArray[np.integer]) -> NDArray[np.integer]:
        """This process's share of a batch; a process without a face gets the first one."""
        shard = rows[self._rank :: self._world_size]
        return shard if len(shard) else rows[:1]

    def _weight(self, rows: NDArray[np.integer]) -> float:
        """Fraction of the known coordinates that are in the shard, times the number of shards."""
        if self._world_size == 1:
            return 1.0
        known = np.isfinite(self._landmarks_photo(rows)).sum(axis=(1, 2))
        n_known = known[self._rank :: self._world_size].sum()
        return float(self._world_size * n_known / max(1, known.sum()))

    def _sample(self, rows: NDArray[np.integer], epoch: int) -> AugmentParams | None:
        if self._augment is None or self._augment.is_identity:
            return None
        return sample_params(
            self._augment.at_epoch(epoch - self._first_epoch + 1, self._epochs),
            self._task_size,
            seed=self._seed,
            epoch=epoch,
            rows=rows,
            input_size=self._input_size,
        )
