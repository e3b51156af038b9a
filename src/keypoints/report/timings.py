"""report/times.html: what each stage took, in a file of its own that the page shows.

No two runs take the same time; all else of the page is the same at every repetition.
"""

from dataclasses import dataclass

import pandas as pd

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.timing import timing_file
from keypoints.report.runs import read_json
from keypoints.report.template import read_style, render

STAGES = ("fetch", "prepare", "train", "evaluate", "submit")


@dataclass(frozen=True)
class StageTime:
    """What a stage of the run took; `started` (UTC) is empty where only the seconds are known."""

    stage: str
    started: str
    seconds: float


def times_table(params: Params) -> str:
    """The times of all stages, as HTML in the page's style."""
    return render("times.html", style=read_style(), times=_stage_times(params))


def stages_of(params: Params) -> list[tuple[str, str]]:
    """Stage and item of everything that may leave a time."""
    data_sets = dict.fromkeys(task.dataset for task in params.tasks.values())
    items = {
        "fetch": (*data_sets, "weights"),
        "prepare": tuple(params.tasks),
        "train": tuple(params.models),
        "evaluate": tuple(params.models),
        "submit": tuple(params.models),
    }
    return [(stage, item) for stage in STAGES for item in items[stage]]


def _stage_times(params: Params) -> list[StageTime]:
    """Of every stage that left its time."""
    times = []
    for stage, item in stages_of(params):
        if stage == "train":
            epochs = pd.read_csv(paths.HISTORY / f"{item}.csv")
            times.append(StageTime(f"train@{item}", "", float(epochs["seconds"].sum())))
        elif record := read_json(timing_file(stage, item)):
            started = record["started"].replace("T", " ").rstrip("Z")
            times.append(StageTime(f"{stage}@{item}", started, record["seconds"]))
    return times
