"""Batches of faces: their order, their augmentation, and their images and landmarks."""

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from keypoints.core.devices import to_device
from keypoints.core.geometry import apply_map, compose, resize_map, unit_map
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.parallel import map_in_threads
from keypoints.core.rng import Stream, generator
from keypoints.core.types import Array
from keypoints.crops.augment import Augment, AugmentParams, adjust_colours, sample_params
from keypoints.crops.cpu_crops import CpuCropReader
from keypoints.crops.gpu_crops import CropReader
from keypoints.crops.store import CropStore


@dataclass(frozen=True, eq=False)
class Batch:
    """The faces of one step."""

    images: NDArray[np.uint8] | Tensor  # (n, height, width, channels); a tensor if on a GPU
    landmarks_unit: NDArray[np.float32]  # in 0..1 of the input, (n, n_points, 2); NaN if unknown
    photo_to_unit: Array  # (n, 2, 3); the inverse maps predictions back to the photos
    augment_params: AugmentParams | None  # `to_input` applies their colour changes
    weight: float = 1.0  # of this process's loss; the mean over all processes is the batch's loss


def to_input(batch: Batch, device: torch.device) -> Tensor:
    """Convert the images of a batch to the input of a network, in 0..1, and adjust their colours.

    Returns:
        (n, channels, height, width) float32 in channels-last memory format.
    """
    images = to_device(batch.images, device).permute(0, 3, 1, 2).float().div_(255)
    if batch.augment_params is None:
        return images
    return adjust_colours(images, batch.augment_params)


@dataclass(eq=False)
class BatchLoader:
    """Loads batches of some rows of a store; a thread prepares the next batch."""

    store: CropStore
    rows: NDArray[np.integer]  # (n,)
    points: tuple[int, ...]  # indices of the predicted points in the scheme
    _: KW_ONLY
    batch_size: int  # the last batch of an epoch may be smaller
    augment: Augment | None = None  # with faces in a random order; None: no augmentation, in order
    epochs: int = 1  # number of the training phase's epochs, which determines the cooldown
    first_epoch: int = 1  # number of the phase's first epoch
    seed: int = 0  # of order and augmentation
    tta_scale: float = 1.0  # size of the input region relative to the one the crop was cut for
    alignment: Array | None = None  # map of each row's face within its crop, px, (n, 2, 3)
    input_size: tuple[int, int] | None = None  # height and width, px; None: those of the task
    rank: int = 0  # number of this process, counted from 0
    world_size: int = 1  # processes that share each batch
    reader: CropReader | None = None  # of the images; None: from the disk

    def __post_init__(self) -> None:
        height, width = self._task_size = self.store.format.input_size
        self._input_size = self.input_size or self._task_size
        self._crop_to_task = self.store.format.crop_to_input(self.tta_scale)
        self._alignment_of = {}
        if self.alignment is not None:
            self._alignment_of = dict(zip(self.rows.tolist(), self.alignment, strict=True))
        self._task_to_input = resize_map((0, 0, width, height), self._input_size)
        self._reader = self.reader or CpuCropReader(self.store)

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return math.ceil(len(self.rows) / self.batch_size)

    def n_faces(self, step: int) -> int:
        """Faces of a step's batch in all processes."""
        return min(self.batch_size, len(self.rows) - step * self.batch_size)

    def epoch(self, epoch: int = 0, *, first_step: int = 0) -> Iterator[Batch]:
        """Load the batches of one epoch, counted from 1, without its first steps."""
        order, size = self._order(epoch), self.batch_size
        batches = [order[i : i + size] for i in range(first_step * size, len(order), size)]
        return map_in_threads(partial(self._load, epoch=epoch), batches, 1, max_pending=2)

    def _order(self, epoch: int) -> NDArray[np.integer]:
        if self.augment is None:
            return self.rows
        return generator(self.seed, Stream.ORDER, epoch).permutation(self.rows)

    def _load(self, batch_rows: NDArray[np.integer], epoch: int) -> Batch:
        rows = self._shard(batch_rows)
        params = self._sample(rows, epoch)
        crop_to_task = np.broadcast_to(self._crop_to_task, (len(rows), 2, 3))
        if self.alignment is not None:
            crop_to_task = compose(crop_to_task, np.array([self._alignment_of[r] for r in rows]))
        landmarks_photo = self._landmarks_photo(rows)
        if params is not None:
            crop_to_task = compose(params.maps, crop_to_task)
            if params.flipped.any():
                indices = flip_indices_of(self.points, SCHEMES[self.store.format.scheme])
                landmarks_photo[params.flipped] = landmarks_photo[params.flipped][:, indices]
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
        return compose(task_to_unit, compose(crop_to_task, self.store.photo_to_crop[rows]))

    def _landmarks_photo(self, rows: NDArray[np.integer]) -> Array:
        return self.store.landmarks_photo[rows][:, list(self.points)]

    def _shard(self, rows: NDArray[np.integer]) -> NDArray[np.integer]:
        """This process's share of a batch; a process without a face gets the first one."""
        shard = rows[self.rank :: self.world_size]
        return shard if len(shard) else rows[:1]

    def _weight(self, rows: NDArray[np.integer]) -> float:
        """Fraction of the known coordinates that are in the shard, times the number of shards."""
        if self.world_size == 1:
            return 1.0
        known = np.isfinite(self._landmarks_photo(rows)).sum(axis=(1, 2))
        n_known = known[self.rank :: self.world_size].sum()
        return float(self.world_size * n_known / max(1, known.sum()))

    def _sample(self, rows: NDArray[np.integer], epoch: int) -> AugmentParams | None:
        if self.augment is None or self.augment.is_identity:
            return None
        return sample_params(
            self.augment.at_epoch(epoch - self.first_epoch + 1, self.epochs),
            self._task_size,
            seed=self.seed,
            epoch=epoch,
            rows=rows,
            input_size=self._input_size,
        )
