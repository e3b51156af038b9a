"""The page of a finished run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keypoints.competition.local_score import LocalScore
from keypoints.config.params import Params
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.faces.dataset import find_dataset
from keypoints.report.face import face_section
from keypoints.report.kaggle import kaggle_section
from keypoints.report.nose import nose_section
from keypoints.report.own_photos import own_photos_section
from keypoints.report.reproduce import find_revision, find_revision_date, reproduce_section
from keypoints.report.runs import TaskRun, read_json, read_tasks
from keypoints.report.summary import find_showcase, summary
from keypoints.report.template import Section, read_style, render
from keypoints.report.wild import wild_section

Scores = Mapping[str, LocalScore]


def build_page(
    params: Params, *, test_scores: Scores | None = None, unscored: Sequence[str] = ()
) -> str:
    """Build the page from the outputs of the stages; equal outputs give equal text.

    Args:
        params: The settings.
        test_scores: Scores of the models on the test faces, where their labels are known.
        unscored: Reasons why known labels give no score.
    """
    tasks, problems = read_tasks(params)
    scores = test_scores or {}
    revision = find_revision()
    sections = [
        own_photos_section(),
        *(_task_section(group, scores) for group in _group_tasks(tasks)),
        kaggle_section(params, tasks, scores, unscored),
        reproduce_section(params, tasks, revision),
    ]
    datasets = {task.settings.dataset: _summarize_dataset(task) for task in tasks}
    body = render(
        "page.html",
        style=read_style(),
        summary=summary(tasks, list(datasets.values()), revision, problems),
        sections=sections,
    )
    return str(body)


def _group_tasks(tasks: list[TaskRun]) -> list[list[TaskRun]]:
    """Group the tasks with all points of a data set; the group of the showcase comes first."""
    groups: dict[str, list[TaskRun]] = {}
    for task in tasks:
        has_all = task.settings.points == "all"
        groups.setdefault(task.settings.dataset if has_all else f"{task.name}:", []).append(task)
    showcase = find_showcase(tasks)
    return sorted(groups.values(), key=lambda group: showcase not in group)


def _task_section(group: list[TaskRun], scores: Scores) -> Section:
    """Section that suits the landmarks and data of a group of tasks, regardless of their names.

    It describes the task with the most accurate model, and compares the models of all tasks.
    """
    best = min(group, key=lambda task: task.best.scores["nme"])
    task = replace(best, models=[model for own in group for model in own.models])
    if task.settings.points == "nose_tip":
        return nose_section(task)
    has_views = (task.models[0].errors["view"] != 0).any()
    return face_section(task) if has_views else wild_section(task, scores.get(task.best.name))


def _summarize_dataset(task: TaskRun) -> dict[str, object]:
    """The data set of a task, with its number of faces in each split.

    Its date is that of the newest downloaded file, or of the code and settings that rendered the
    faces; empty if unknown.
    """
    name = task.settings.dataset
    try:
        record = read_json(paths.RAW / name / "source.json")
    except PipelineError as error:
        record = {"source": f"unknown ({error})"}
    counts = {split: len(task.faces.rows(split)) for split in ("train", "validation", "test")}
    return {
        "title": find_dataset(name).title,
        "source": record.get("source", "unknown"),
        "date": record.get("date") or find_revision_date(),
        "counts": counts,
        "faces": sum(counts.values()),
    }
