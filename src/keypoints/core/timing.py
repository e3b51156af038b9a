"""Start and duration of each stage, for the report: DVC records no times."""

import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from keypoints.core import paths
from keypoints.core.records import write_record


def timing_file(stage: str, item: str) -> Path:
    """File with the start and the duration of a stage."""
    return paths.TIMINGS / f"{stage}_{item}.json"


def timed(stage: str, work: Callable[..., None]) -> Callable[..., None]:
    """Stage's function that also writes its start (UTC) and its duration (s), without imports."""

    @functools.wraps(work)
    def timed_work(**items: str) -> None:
        started, clock = datetime.now(UTC), time.perf_counter()
        work(**items)
        record = {
            "started": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "seconds": round(time.perf_counter() - clock, 2),
        }
        path = paths.replace_output(timing_file(stage, "_".join(items.values())))
        write_record(path, record)

    return timed_work
