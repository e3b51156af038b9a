"""The page of a finished run."""

from collections.abc import Mapping
from dataclasses import dataclass

from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.faces.dataset import find_dataset
from keypoints.report.face import face_section
from keypoints.report.kaggle import kaggle_section
from keypoints.report.nose import nose_section
from keypoints.report.own_photos import own_photos_section
from keypoints.report.reproduce import find_revision, find_revision_date, reproduce_section
from keypoints.report.runs import TaskRun, read_json, read_tasks
from keypoints.report.template import Section, read_style, render
from keypoints.report.wild import wild_section


@dataclass(frozen=True)
class DatasetSummary:
    """A data set of the run.

    Attributes:
        title: Title of the data set.
        source: rendered or public.
        date: Date of the newest downloaded file, or of the code and settings that rendered the
            faces; empty if unknown.
        counts: Number of faces in each split.
    """

    title: str
    source: str
    date: str
    counts: dict[str, int]

    @property
    def faces(self) -> int:
        return sum(self.counts.values())


def build_page(params: Params, *, test_scores: Mapping[str, float] | None = None) -> str:
    """Build the page from the outputs of the stages; equal outputs give equal text.

    Args:
        params: The settings.
        test_scores: Score of each model's submission on the test faces, where known.
    """
    tasks = read_tasks(params)
    revision = find_revision()
    sections = [
        *(_task_section(task) for task in tasks),
        own_photos_section(tasks),
        kaggle_section(params, tasks, test_scores or {}),
        reproduce_section(params, tasks, revision),
    ]
    return str(
        render(
            "page.html",
            style=read_style(),
            sections=sections,
            tasks=tasks,
            datasets=_summarize_datasets(tasks),
            revision=revision,
        )
    )


def _task_section(task: TaskRun) -> Section:
    """Section that suits the task's landmarks and data, whatever the name of the task is."""
    if task.settings.points == "nose_tip":
        return nose_section(task)
    has_views = "view" in task.models[0].scores
    return face_section(task) if has_views else wild_section(task)


def _summarize_datasets(tasks: list[TaskRun]) -> list[DatasetSummary]:
    summaries = {}
    for task in tasks:
        name = task.settings.dataset
        record = read_json(paths.RAW / name / "source.json") or {}
        in_split = task.faces.table["split"].value_counts()
        counts = {split: int(in_split.get(split, 0)) for split in ("train", "validation", "test")}
        summaries[name] = DatasetSummary(
            title=find_dataset(name).title,
            source=record.get("source", "unknown"),
            date=record.get("date") or find_revision_date(),
            counts=counts,
        )
    return list(summaries.values())
