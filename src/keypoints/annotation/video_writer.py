"""Writes annotated frames as an MP4 video, which has its name only when it is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.images import PhotoError
from keypoints.annotation.video_container import has_index

_MAX_FPS = 1000.0
_MIN_FPS = 0.002  # OpenCV takes 0.001 for 0
_MAX_TICKS = 2**16 - 1  # per second, of MPEG-4
_MAX_GAP = 10.0  # s without a frame that is filled; longer ones are wrong times


def round_fps(fps: float) -> float:
    """Round a frame rate to the decimals that MPEG-4 can represent.

    OpenCV writes a rate as ticks per second over a power of ten; MPEG-4 allows 65,535 ticks.
    """
    fps = min(fps, _MAX_FPS)
    n_decimals = max(n for n in range(4) if round(fps * 10**n) <= _MAX_TICKS)
    return max(round(fps, n_decimals), _MIN_FPS)


class VideoWriter:
    """Writes the frames of one video at a constant rate; `close` completes the file.

    If the times of the frames vary, or frames are missing, frames are repeated or left out, so that
    the copy lasts as long as the original and its sound fits.

    Args:
        path: The video, in a folder that exists.
        fps: Frames per second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self._fps = path, round_fps(fps)
        self._partial = path.with_name(f"annotating-{os.getpid()}.mp4")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)  # width, height
        self._first_seconds = 0.0
        self._n_written = 0
        self._last: cv2.typing.MatLike | None = None

    def append(self, frame: NDArray[np.uint8], seconds: float) -> None:
        """Append a frame.

        Args:
            frame: RGB pixels, (height, width, 3); they are resized to the size of the first frame.
            seconds: Time of the frame.

        Raises:
            PhotoError: If OpenCV cannot write a video of this size here.
        """
        size = frame.shape[1], frame.shape[0]
        if self._writer is None:
            self._writer, self._size = self._open(size), size
        if size != self._size:  # OpenCV would leave the frame out
            frame = cv2.resize(frame, self._size).astype(np.uint8, copy=False)
        n_missing = self._count_missing(seconds)
        if n_missing < 0:  # two frames at the time of one
            return
        pixels = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        for _ in range(n_missing):
            self._writer.write(pixels if self._last is None else self._last)
        self._last = pixels
        self._writer.write(pixels)
        self._n_written += n_missing + 1

    def _count_missing(self, seconds: float) -> int:
        """Frames to repeat before one at a time, or -1 if the video already is at that time."""
        if self._n_written == 0:
            self._first_seconds = seconds
        number = round((seconds - self._first_seconds) * self._fps)
        n_missing = number - self._n_written
        if abs(n_missing) <= max(1.0, _MAX_GAP * self._fps):
            return max(-1, n_missing)
        self._first_seconds = seconds - self._n_written / self._fps
        return 0

    def close(self) -> None:
        """Complete the video, if it has a frame.

        Raises:
            PhotoError: If the video could not be written to its end, which OpenCV does not report.
            OSError: If it cannot get its name.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        try:
            if not has_index(self._partial):
                raise PhotoError(
                    f"{self.path}: the video could not be written to its end; "
                    f"{_describe_space(self.path.parent)}"
                )
            self._partial.replace(self.path)
        finally:
            self._partial.unlink(missing_ok=True)

    def _open(self, size: tuple[int, int]) -> cv2.VideoWriter:
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        with _opencv_path(self._partial) as name:
            writer = cv2.VideoWriter(name, cv2.CAP_FFMPEG, codec, self._fps, size)
        if not writer.isOpened():
            self._partial.unlink(missing_ok=True)
            raise PhotoError(
                f"{self.path}: OpenCV cannot write a video of {size[0]} x {size[1]} px and "
                f"{self._fps:g} frames per second here"
            )
        return writer


def _describe_space(folder: Path) -> str:
    """Free space of a folder, and the limit of file sizes if there is one."""
    text = f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are free in this folder"
    with suppress(ImportError):  # Windows has no limits
        import resource

        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        if limit != resource.RLIM_INFINITY:
            text += f", and a file may have at most {limit:,} bytes (`ulimit -f`)"
    return text


@contextmanager
def _opencv_path(path: Path) -> Iterator[str]:
    """A name of a file for OpenCV, which crashes if a name is not UTF-8."""
    if not Path("/proc/self/fd").is_dir():  # other systems than Linux have no such names
        yield str(path.absolute())
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
