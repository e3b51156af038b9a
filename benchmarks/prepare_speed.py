"""Cropping the faces of a task, compared with decoding and resizing of the same photos."""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import cv2
from measurement import Measurement, Size, alternate
from workspace import make_workspace

from keypoints.config.base import Fraction
from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.parallel import n_cores
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat, Task
from keypoints.faces.dataset import find_dataset

TARGET = ">= 0.8"
CHUNK = 16  # photos per work item


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Crop the faces of every task, alternating with plain threads and with plain processes."""
    make_workspace(folder, rendered, size.copies)
    params, workers = read_params(folder / "params.yaml"), n_cores()
    context = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(workers) as threads,
        ProcessPoolExecutor(workers, context) as processes,
    ):
        for name in params.names("tasks"):
            crop, decode = _make_work(params, params.entry("tasks", name, Task), folder / name)
            n_photos = crop()  # the first call brings the photos into the page cache
            for kind, pool in (("threads", threads), ("processes", processes)):
                plain = partial(decode, pool)
                plain()
                times = alternate(crop, plain, size.rounds)
                speed, plain_speed = (
                    n_photos / median(seconds) for seconds in (times.first, times.second)
                )
                yield Measurement(
                    f"prepare {name} / imread + resize in {workers} {kind}",
                    times.speed_ratio,
                    TARGET,
                    f"{speed:.0f} / {plain_speed:.0f} photos/s",
                )
            shutil.rmtree(folder / name)


def _make_work(
    params: Params, task: Task, folder: Path
) -> tuple[Callable[[], int], Callable[[Executor], None]]:
    """Functions that crop the faces of a task, and that decode its photos in a pool."""
    root, dataset = folder.parent / paths.RAW / task.dataset, find_dataset(task.dataset)
    faces = dataset.read(root)
    val_fraction: float = params.read(f"datasets.{task.dataset}.val_fraction", Fraction)
    split = dataset.split(faces, val_fraction)
    format_ = CropFormat.of(task, dataset.scheme)
    photos = [str(root / face.photo) for face in faces]
    numbers = count()

    def crop() -> int:
        write_crops(folder / str(next(numbers)), root, faces, split, format_)
        return len(photos)

    def decode(pool: Executor) -> None:
        chunks = [photos[i : i + CHUNK] for i in range(0, len(photos), CHUNK)]
        work = partial(_decode, crop_size=format_.crop_size, colour=task.colour)
        for _ in pool.map(work, chunks):
            pass

    return crop, decode


def _decode(photos: list[str], crop_size: tuple[int, int], *, colour: bool) -> None:
    cv2.setNumThreads(1)
    for photo in photos:
        pixels = cv2.imread(photo, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
        cv2.resize(pixels, crop_size[::-1])
