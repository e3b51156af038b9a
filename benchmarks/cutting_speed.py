"""Cutting a task's crops against plain decoding and resizing of the same photos."""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import cv2
from measurement import Measurement, Size, in_turn
from workspace import make_workspace

from keypoints.config.data import Task
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.parallel import n_cores
from keypoints.crops.cropping import write_crops
from keypoints.faces.dataset import Dataset, crop_format, load_dataset

BAR = ">= 0.8"
CHUNK = 16  # photos per piece of work


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Cut every task's faces, in turn with plain threads and with plain processes."""
    make_workspace(folder, drawn, size.copies)
    workers = n_cores()
    context = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(workers) as threads,
        ProcessPoolExecutor(workers, context) as processes,
    ):
        params = read_params(folder / "params.yaml")
        for name, task in params.tasks.items():
            root = folder / paths.RAW / task.dataset
            found = load_dataset(task.dataset, root, params.validation)
            cut, photos, crop_size = _cutting(found, root, folder / name, task)
            cut()  # the first time brings the photos into the page cache
            for kind, pool in (("threads", threads), ("processes", processes)):
                plain = partial(_decode_all, pool, photos, crop_size, colour=task.colour)
                plain()
                times = in_turn(cut, plain, size.rounds)
                cut_speed, plain_speed = (
                    len(photos) / median(seconds) for seconds in (times.first, times.second)
                )
                yield Measurement(
                    f"prepare {name} / imread + resize in {workers} {kind}",
                    times.speed_ratio,
                    BAR,
                    f"{cut_speed:.0f} / {plain_speed:.0f} photos/s",
                )
            shutil.rmtree(folder / name)


def _cutting(
    found: Dataset, root: Path, folder: Path, task: Task
) -> tuple[Callable[[], None], list[str], tuple[int, int]]:
    """A task's work, its photos, and the height and width of its crops."""
    format_ = crop_format(task, found.scheme)
    numbers = count()

    def cut() -> None:
        write_crops(folder / str(next(numbers)), root, found.faces, found.split, format_)

    return cut, [str(root / face.photo) for face in found.faces], format_.crop_size


def _decode_all(
    pool: Executor, photos: list[str], crop_size: tuple[int, int], *, colour: bool
) -> None:
    chunks = [photos[i : i + CHUNK] for i in range(0, len(photos), CHUNK)]
    for _ in pool.map(partial(_decode, crop_size=crop_size, colour=colour), chunks):
        pass


def _decode(photos: list[str], crop_size: tuple[int, int], *, colour: bool) -> None:
    cv2.setNumThreads(1)
    for photo in photos:
        pixels = cv2.imread(photo, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
        cv2.resize(pixels, crop_size[::-1])
