"""report/times.md: what each stage took, beside the page, since no two runs take the same time."""

from dataclasses import dataclass

import pandas as pd

from keypoints import layout
from keypoints.page.runs import read_json
from keypoints.settings import Params
from keypoints.stopwatch import run_file

STAGES = ("fetch", "prepare", "train", "evaluate", "submit")
_TEXT = """# What the stages took

{rows}

Each stage when it last ran, whatever else the machine did; DVC restores the results of stages whose
inputs are as they were, and their times with them. Python's start is not counted. Training is the
sum of its epochs. All else of a run is the same at every repetition: see docs/reproducing.md.
"""


@dataclass(frozen=True)
class StageTime:
    """What a stage of the run took; `started` (UTC) is empty where only the seconds are known."""

    stage: str
    started: str
    seconds: float


def times_table(params: Params) -> str:
    """The times of all stages, as a Markdown table."""
    rows = ["| stage | began (UTC) | took |", "| --- | --- | --- |"]
    rows += [
        f"| {time.stage} | {time.started} | {duration(time.seconds)} |"
        for time in _stage_times(params)
    ]
    return _TEXT.format(rows="\n".join(rows))


def duration(seconds: float) -> str:
    """5.2 s, or 3 min 20 s, or 1 h 5 min."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes >= 90:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _stage_times(params: Params) -> list[StageTime]:
    data_sets = dict.fromkeys(task.dataset for task in params.tasks.values())
    items = {
        "fetch": (*data_sets, "weights"),
        "prepare": tuple(params.tasks),
        "train": tuple(params.models),
        "evaluate": tuple(params.models),
        "submit": tuple(params.models),
    }
    times = []
    for stage in STAGES:
        for item in items[stage]:
            if stage == "train":
                epochs = pd.read_csv(layout.HISTORY / f"{item}.csv")
                times.append(StageTime(f"train@{item}", "", float(epochs["seconds"].sum())))
            elif record := read_json(run_file(stage, item)):
                started = record["started"].replace("T", " ").rstrip("Z")
                times.append(StageTime(f"{stage}@{item}", started, record["seconds"]))
    return times
