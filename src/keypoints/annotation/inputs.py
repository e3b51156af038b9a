"""From what a user names (photos, folders, patterns, videos, a list) to the pictures to look at."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from glob import glob
from itertools import chain, count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.images import PhotoError, read_image

PHOTOS = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif"}
)
VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"})


@dataclass(frozen=True)
class InputImage:
    """A photo, or one picture of a video.

    Attributes:
        source: The file.
        shown_as: What the user calls it.
        stem: Of the files about it, unique in a run.
        read: Gives its pixels, (height, width, 3) in red, green, blue order, or a PhotoError.
        video_rate: Pictures per second of the video that it comes from; 0: a photo.
    """

    source: Path
    shown_as: str
    stem: str
    read: Callable[[], NDArray[np.uint8]]
    video_rate: float = 0.0


def find_files(arguments: Iterable[str]) -> Iterator[Path]:
    """The files that arguments mean: each a file, a folder of photos, a pattern, or - for a list.

    What is not there is given back too, so that reading it names it.
    """
    for argument in arguments:
        if argument == "-":
            yield from find_files(line.strip() for line in sys.stdin if line.strip())
        elif (path := Path(argument)).is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in PHOTOS)
            yield from found or [path]
        elif not path.exists() and (matches := _matches_of(argument)):
            yield from matches
        else:
            yield path


def _matches_of(pattern: str) -> list[Path]:
    """Each file once, however many linked folders lead to it."""
    found = glob(pattern, recursive=True)  # noqa: PTH207, a pattern may begin at the root
    paths = (path for path in map(Path, sorted(found, key=len)) if path.is_file())
    return sorted({path.resolve(): path for path in reversed([*paths])}.values())


def iter_images(files: Iterable[Path], *, every: int = 1) -> Iterator[InputImage]:
    """The pictures of files, one by one: a video is not read further than it is asked for.

    Args:
        files: Photos and videos.
        every: Which pictures of a video: 1: each one, 2: each second one, ...
    """
    taken: set[str] = set()
    for path in files:
        others = (f"{path.stem}-{number}" for number in count(2))
        stem = next(name for name in chain([path.stem], others) if name not in taken)
        taken.add(stem)
        if path.suffix.lower() in VIDEOS:
            yield from _pictures_of_video(path, stem, every)
        else:
            yield InputImage(path, str(path), stem, partial(read_image, path))


def _pictures_of_video(path: Path, stem: str, every: int) -> Iterator[InputImage]:
    video = cv2.VideoCapture(str(path))
    rate = (video.get(cv2.CAP_PROP_FPS) or 25.0) / every
    number = 0
    while video.grab():
        if number % every == 0:
            frame = cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB).astype(
                np.uint8, copy=False
            )
            name = f"{stem}/{number:06d}"
            yield InputImage(path, f"{path}#{number}", name, partial(_same, frame), rate)
        number += 1
    video.release()
    if number == 0:
        yield InputImage(path, str(path), stem, partial(_refuse_video, path))


def _same(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return frame


def _refuse_video(path: Path) -> NDArray[np.uint8]:
    raise PhotoError(
        f"{path}: {'not a video that can be read' if path.is_file() else 'no such file'}"
    )
