"""Drawing faces of the wild size on one core, against twenty a second."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
from measurement import Measurement, Size

from keypoints.rendered.chance import Stream, generator
from keypoints.rendered.wild import draw_wild_photo

ASKED = 20.0  # faces per second and core


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Draw photos one by one in one thread; the seconds are the processor's, not the clock's."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        _draw(1)  # the first one builds the mean head
        start = time.process_time()
        _draw(size.photos)
        speed = size.photos / (time.process_time() - start)
    finally:
        cv2.setNumThreads(threads)
    yield Measurement(
        f"faces drawn per second of a core / {ASKED:.0f}",
        speed / ASKED,
        ">= 1.0",
        f"{speed:.1f} faces/s",
    )


def _draw(count: int) -> None:
    for index in range(count):
        draw_wild_photo(generator(1, Stream.TRAIN_PHOTO, index))
