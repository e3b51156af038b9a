"""Rendering photos of the iBUG layout on one core, compared with 20 per second."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
from measurement import Measurement, Size

from keypoints.rendered.ibug_photo import render_ibug_photo
from keypoints.rendered.scene import Stream, generator

TARGET = 20.0  # photos per second and core


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Render photos in one thread and measure its processor time; the folders are not used."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        _render(1)  # the first one builds the mean head
        start = time.process_time()
        _render(size.photos)
        speed = size.photos / (time.process_time() - start)
    finally:
        cv2.setNumThreads(threads)
    yield Measurement(
        f"photos rendered per second of a core / {TARGET:.0f}",
        speed / TARGET,
        ">= 1.0",
        f"{speed:.1f} photos/s",
    )


def _render(count: int) -> None:
    for index in range(count):
        render_ibug_photo(generator(1, Stream.IBUG_TRAIN, index))
