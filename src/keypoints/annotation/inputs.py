"""Resolves command-line arguments (photos, folders, patterns, videos, a list) to images."""

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

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif"}
)
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"})


@dataclass(frozen=True)
class InputImage:
    """A photo, or one frame of a video.

    Attributes:
        path: The photo or video file.
        name: Name in messages and annotations: the path, and the frame number of a video.
        stem: Stem of the image's output files, unique in a run.
        read: Returns RGB pixels, (height, width, 3), or raises PhotoError.
        fps: Annotated frames per second of the video; 0: a photo.
    """

    path: Path
    name: str
    stem: str
    read: Callable[[], NDArray[np.uint8]]
    fps: float = 0.0


def find_files(arguments: Iterable[str]) -> Iterator[Path]:
    """Resolve arguments: each is a file, a folder of photos, a pattern, or `-` for standard input.

    A path that does not exist is included; reading it raises an error that names it.
    """
    for argument in arguments:
        if argument == "-":
            yield from find_files(line.strip() for line in sys.stdin if line.strip())
        elif (path := Path(argument)).is_dir():
            photos = sorted(p for p in path.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
            yield from photos or [path]
        elif path.exists():
            yield path
        else:
            yield from _match(argument) or [path]


def _match(pattern: str) -> list[Path]:
    """The files that match a pattern, each once even if several linked folders lead to it."""
    found = glob(pattern, recursive=True)  # noqa: PTH207, a pattern may start at the root
    paths = (path for path in map(Path, sorted(found, key=len)) if path.is_file())
    return sorted({path.resolve(): path for path in reversed([*paths])}.values())


def iter_images(files: Iterable[Path], *, every: int) -> Iterator[InputImage]:
    """Iterate over photos and every Nth frame of videos, decoding a video only as far as needed."""
    stems: set[str] = set()
    for path in files:
        numbered = (f"{path.stem}-{number}" for number in count(2))
        stem = next(name for name in chain([path.stem], numbered) if name not in stems)
        stems.add(stem)
        if path.suffix.lower() in VIDEO_SUFFIXES:
            yield from _iter_frames(path, stem, every)
        else:
            yield InputImage(path, str(path), stem, partial(read_image, path))


def _iter_frames(path: Path, stem: str, every: int) -> Iterator[InputImage]:
    video = cv2.VideoCapture(str(path))
    fps = (video.get(cv2.CAP_PROP_FPS) or 25.0) / every
    number = 0
    while video.grab():
        if number % every == 0:
            read = partial(_to_rgb, video.retrieve()[1])
            yield InputImage(path, f"{path}#{number}", f"{stem}/{number:06d}", read, fps)
        number += 1
    video.release()
    if number == 0:
        yield InputImage(path, str(path), stem, partial(_reject_video, path))


def _to_rgb(frame: cv2.typing.MatLike) -> NDArray[np.uint8]:
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _reject_video(path: Path) -> NDArray[np.uint8]:
    raise PhotoError(f"{path}: {'not a readable video' if path.is_file() else 'no such file'}")
