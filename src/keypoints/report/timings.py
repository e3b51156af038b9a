"""report/times.html: the duration of each stage, in a file that the page embeds.

Durations differ between runs; without them the page is identical at every repetition.
"""

from dataclasses import dataclass

import pandas as pd

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.timing import timing_file
from keypoints.report.runs import read_json
from keypoints.report.template import read_style, render


@dataclass(frozen=True)
class StageTime:
    """Start (UTC) and duration of a stage; `started` is empty if only the duration is known."""

    stage: str
    started: str
    seconds: float


def times_table(params: Params) -> str:
    """HTML page with the times of all stages, in the style of the report."""
    return render("timings.html", style=read_style(), times=read_times(params))


def read_times(params: Params) -> list[StageTime]:
    """Read the time of every stage that recorded one."""
    models = params.names("models")
    items = {
        "fetch": params.names("datasets"),
        "prepare": params.names("tasks"),
        "train": models,
        "evaluate": models,
        "submit": models,
    }
    stages = [(stage, item) for stage, names in items.items() for item in names]
    times = [_read_time(stage, item) for stage, item in stages]
    return [time for time in times if time]


def _read_time(stage: str, item: str) -> StageTime | None:
    name = f"{stage}@{item}"
    if stage == "train":
        epochs = pd.read_csv(paths.history_file(item))
        return StageTime(name, "", float(epochs["seconds"].sum()))
    record = read_json(timing_file(stage, item))
    if record is None:
        return None
    return StageTime(name, record["started"].replace("T", " ").rstrip("Z"), record["seconds"])
