"""When a stage worked and for how long: DVC keeps no times, and the project page tells them."""

import functools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from keypoints.core import paths


def run_file(stage: str, item: str) -> Path:
    """Where the record of a stage lies."""
    return paths.TIMINGS / f"{stage}_{item}.json"


def timed(stage: str, work: Callable[..., None]) -> Callable[..., None]:
    """The same work, leaving a record of its start (UTC) and its seconds once it is done.

    Args:
        stage: Name of the stage.
        work: From the item's name; the start of Python and its imports are not counted.
    """

    @functools.wraps(work)
    def work_and_record(**item: str) -> None:
        started, clock = datetime.now(UTC), time.perf_counter()
        work(**item)
        record = {
            "started": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "seconds": round(time.perf_counter() - clock, 2),
        }
        path = paths.replace_output(run_file(stage, "_".join(item.values())))
        path.write_text(json.dumps(record) + "\n")

    return work_and_record
