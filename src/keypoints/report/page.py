"""The page of a finished run."""

from collections.abc import Mapping

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


def build_page(params: Params, *, test_scores: Mapping[str, float] | None = None) -> str:
    """Build the page from the outputs of the stages; equal outputs give equal text.

    Test scores are those of the models' submissions on the test faces, where known.
    """
    tasks = read_tasks(params)
    revision = find_revision()
    sections = [
        *(_task_section(task) for task in tasks),
        own_photos_section(tasks),
        kaggle_section(params, tasks, test_scores or {}),
        reproduce_section(params, tasks, revision),
    ]
    datasets = {task.settings.dataset: _summarize_dataset(task) for task in tasks}
    body = render(
        "page.html",
        style=read_style(),
        sections=sections,
        tasks=tasks,
        datasets=list(datasets.values()),
        revision=revision,
    )
    return str(body)


def _task_section(task: TaskRun) -> Section:
    """Section that suits the task's landmarks and data, regardless of its name."""
    if task.settings.points == "nose_tip":
        return nose_section(task)
    has_views = "view" in task.models[0].scores
    return face_section(task) if has_views else wild_section(task)


def _summarize_dataset(task: TaskRun) -> dict[str, object]:
    """The data set of a task, with its number of faces in each split.

    Its date is that of the newest downloaded file, or of the code and settings that rendered the
    faces; empty if unknown.
    """
    name = task.settings.dataset
    record = read_json(paths.RAW / name / "source.json")
    counts = {split: len(task.faces.rows(split)) for split in ("train", "validation", "test")}
    return {
        "title": find_dataset(name).title,
        "source": record.get("source", "unknown"),
        "date": record.get("date") or find_revision_date(),
        "counts": counts,
        "faces": sum(counts.values()),
    }
