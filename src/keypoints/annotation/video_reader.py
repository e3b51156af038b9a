"""Reads the frames of a video with OpenCV's FFmpeg, and names those that are damaged or missing."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from keypoints.annotation.descriptions import count
from keypoints.annotation.images import DecodedImage, PhotoError, Remark, raise_error
from keypoints.annotation.video_container import is_cut_short, n_frames_is_exact

_MAX_PIXELS = 2**24  # of a frame; decoders keep several frames
_DEFAULT_FPS = 25.0
_USUAL_FPS = (1.0, 121.0)  # others are often units of time instead of rates
_N_MEASURED = 20  # frames whose times give the rate of a video with an unusual one
_MAX_FAILURES = 100  # in a row, before the rest of a video is given up


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a video, or a problem of the video.

    Attributes:
        number: Number of the frame, from 0; None: the problem concerns the whole video.
        fps: Returned frames per second.
        seconds: Time of the frame, not below that of the previous one.
        read: Returns the decoded frame, or raises PhotoError.
    """

    number: int | None
    fps: float
    seconds: float
    read: Callable[[], DecodedImage]


def read_frames(path: Path, every: int) -> Iterator[VideoFrame]:
    """Iterate over every Nth frame of a video, and over all that cannot be decoded."""
    with _open_video(path) as video:
        if problem := _problem(path, video):
            error = PhotoError(f"{path}: {problem}")
            yield VideoFrame(None, _DEFAULT_FPS, 0.0, partial(raise_error, error))
            return
        fps, n_expected = _read_header(path, video)
        number = n_failures = 0
        seconds = 0.0
        while n_failures == 0 or number + n_failures < min(n_expected, number + _MAX_FAILURES):
            if not video.grab():
                n_failures += 1
                continue
            # Failures at the end of a video may mean that its header counts too many frames.
            for damaged in range(number, number + n_failures):
                error = PhotoError(f"{path}#{damaged}: a damaged frame")
                yield VideoFrame(damaged, fps / every, seconds, partial(raise_error, error))
            number, n_failures = number + n_failures, 0
            seconds = max(seconds, _read_seconds(video, number, fps))
            if number % every == 0:
                read = partial(_to_image, f"{path}#{number}", video.retrieve())
                yield VideoFrame(number, fps / every, seconds, read)
            number += 1
    if end := _check_end(path, number, n_expected):
        yield VideoFrame(None, fps / every, seconds, partial(raise_error, end))


def count_frames(path: Path) -> int:
    """Number of frames of a video as far as its header shows it; 0: unknown."""
    try:
        with _open_video(path) as video:
            return max(0, _read_header(path, video)[1]) if video.isOpened() else 0
    except (OSError, cv2.error):
        return 0


def _read_header(path: Path, video: cv2.VideoCapture) -> tuple[float, int]:
    """Frames per second, and the number of frames.

    If the rate in the header is unusual, it may be a unit of time, in which the header counts the
    frames too; then the rate follows from the times of some frames.
    """
    fps, n_frames = video.get(cv2.CAP_PROP_FPS), int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    if _USUAL_FPS[0] <= fps <= _USUAL_FPS[1]:
        return fps, n_frames
    if not (math.isfinite(fps) and fps > 0):
        return _DEFAULT_FPS, n_frames
    with _open_video(path) as copy:
        times = [copy.get(cv2.CAP_PROP_POS_MSEC) for _ in range(_N_MEASURED) if copy.grab()]
    steps = np.diff(times)
    if len(steps) == 0 or not (steps > 0).all():
        return fps, n_frames
    measured = 1000 / float(np.median(steps))
    return measured, round(n_frames * measured / fps)


def _read_seconds(video: cv2.VideoCapture, number: int, fps: float) -> float:
    """Time of the frame that was read last; from its number if the file contains no times."""
    seconds = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
    return seconds if math.isfinite(seconds) and seconds > 0 else number / fps


@contextmanager
def _open_video(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video by its descriptor.

    OpenCV crashes if a name is not UTF-8, and FFmpeg takes the start of some names for a protocol.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # silent: problems are reported here
    with path.open("rb") as file:
        name = f"/dev/fd/{file.fileno()}" if Path("/dev/fd").is_dir() else str(path)
        video = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        try:
            yield video
        finally:
            video.release()


def _problem(path: Path, video: cv2.VideoCapture) -> str:
    """Why an opened video cannot be read; empty if it can."""
    if not video.isOpened():
        return f"not a readable video{' (cut short)' if is_cut_short(path) else ''}"
    width, height = (
        round(video.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    if width * height > _MAX_PIXELS:
        return f"{width:,} x {height:,} px; a frame may have at most {_MAX_PIXELS:,} px"
    return ""


def _check_end(path: Path, n_read: int, n_expected: int) -> PhotoError | None:
    """The error or remark about a video of which some frames were read."""
    if is_cut_short(path):
        return PhotoError(f"{path}: cut short after {count(n_read, 'frame')}")
    if n_read < n_expected and n_frames_is_exact(path):
        return PhotoError(f"{path}: only {n_read:,} of its {n_expected:,} frames can be decoded")
    if n_read < n_expected - 1:  # derived from the duration, and therefore inaccurate
        frames = count(n_read, "frame")
        return Remark(f"{path}: {frames}, where its duration suggests {n_expected:,}")
    return None if n_read else PhotoError(f"{path}: a video without frames")


def _to_image(name: str, retrieved: tuple[bool, cv2.typing.MatLike]) -> DecodedImage:
    is_read, frame = retrieved
    if not is_read:
        raise PhotoError(f"{name}: a damaged frame")
    return DecodedImage(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False))
