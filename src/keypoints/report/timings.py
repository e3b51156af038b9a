"""report/times.html: the duration of each stage, in a file that the page names.

Durations differ between runs; without them the page is identical in every run.
"""

from contextlib import suppress

import pandas as pd

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.timing import timing_file
from keypoints.report.runs import read_json
from keypoints.report.template import read_style, render


def times_table(params: Params) -> str:
    """HTML page with the times of all stages, in the style of the report."""
    return render("timings.html", style=read_style(), times=read_times(params))


def read_times(params: Params) -> list[dict[str, object]]:
    """Read name, start (UTC; empty if unknown) and duration (s) of every stage that recorded it."""
    models = params.names("models")
    items = {
        "fetch": params.names("datasets"),
        "prepare": params.names("tasks"),
        "train": models,
        "evaluate": models,
        "submit": models,
    }
    times = []
    for stage, item in [(stage, item) for stage, names in items.items() for item in names]:
        with suppress(KeyError, PipelineError, ValueError):  # a damaged file: the page names it
            times += _read_time(stage, item)
    return times


def _read_time(stage: str, item: str) -> list[dict[str, object]]:
    """The time of one stage, if it was recorded."""
    if stage == "train" and (history := paths.history_file(item)).is_file():
        seconds = pd.read_csv(history)["seconds"].sum()
        return [{"stage": f"train@{item}", "started": "", "seconds": seconds}]
    if record := read_json(timing_file(stage, item)):
        started = record["started"].replace("T", " ").rstrip("Z")
        return [record | {"stage": f"{stage}@{item}", "started": started}]
    return []
