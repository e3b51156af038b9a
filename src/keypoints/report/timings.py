"""report/times.html: the duration of each stage, in a file that the page names.

Durations differ between runs; without them the page is identical in every run.
"""

import pandas as pd

from keypoints.config.params import Params
from keypoints.core import paths
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
    times: list[dict[str, object]] = []
    for stage, item in [(stage, item) for stage, names in items.items() for item in names]:
        if stage == "train" and (history := paths.history_file(item)).is_file():
            seconds = pd.read_csv(history)["seconds"].sum()
            times.append({"stage": f"train@{item}", "started": "", "seconds": seconds})
        elif record := read_json(timing_file(stage, item)):
            started = record["started"].replace("T", " ").rstrip("Z")
            times.append(record | {"stage": f"{stage}@{item}", "started": started})
    return times
