"""From a finished run to the text of its page."""

from collections.abc import Mapping
from dataclasses import dataclass

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.report.face import face_section
from keypoints.report.kaggle import kaggle_section
from keypoints.report.nose import nose_section
from keypoints.report.own_photos import own_section
from keypoints.report.reproduce import date_of_inputs, making_section, revision_of_inputs
from keypoints.report.runs import TaskRun, read_json, read_tasks
from keypoints.report.template import Section, read_style, render
from keypoints.report.wild import wild_section


@dataclass(frozen=True)
class DataSet:
    """A data set of the run.

    Attributes:
        name: As params.yaml has it.
        source: rendered or public.
        date: Of its newest file, where it was downloaded; else of the code and the settings that
            draw it. Empty where nothing tells.
        counts: Faces on each side of the split.
    """

    name: str
    source: str
    date: str
    counts: dict[str, int]

    @property
    def faces(self) -> int:
        """In all."""
        return sum(self.counts.values())


def build_page(params: Params, *, test_scores: Mapping[str, float] | None = None) -> str:
    """Tell the run from the outputs of its stages; equal outputs give equal text.

    Args:
        params: The settings of the run.
        test_scores: Of each model's submission, by its competition's metric, where it is known.
    """
    tasks = read_tasks(params)
    revision = revision_of_inputs()
    sections = [
        *(_task_section(task) for task in tasks),
        own_section(tasks),
        kaggle_section(params, tasks, test_scores or {}),
        making_section(params, tasks, revision),
    ]
    return str(
        render(
            "page.html",
            style=read_style(),
            sections=sections,
            tasks=tasks,
            data_sets=_data_sets(tasks),
            revision=revision,
        )
    )


def _task_section(task: TaskRun) -> Section:
    """The section that fits what the task asks for, whatever its name is."""
    if task.task.points == "nose_tip":
        return nose_section(task)
    has_views = "view" in task.models[0].scores
    return face_section(task) if has_views else wild_section(task)


def _data_sets(tasks: list[TaskRun]) -> list[DataSet]:
    sets = {}
    for task in tasks:
        name = task.task.dataset
        record = read_json(paths.RAW / name / "source.json") or {}
        counts = task.album.table["split"].value_counts()
        sides = {side: int(counts.get(side, 0)) for side in ("train", "validation", "test")}
        date = record.get("date") or date_of_inputs()
        sets[name] = DataSet(name, record.get("source", "unknown"), date, sides)
    return list(sets.values())
