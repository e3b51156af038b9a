"""First screen of the page: faces with predicted points, the headline, the score table."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.report.components import Card, only_own_points, task_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import percent, render

N_FACES = 8


def find_showcase(tasks: list[TaskRun]) -> TaskRun:
    """The task whose best model has the lowest NME of all models with several landmarks."""
    with_several = [task for task in tasks if len(task.points) > 1]
    return min(with_several or tasks, key=lambda task: task.best.scores["nme"])


def summary(
    tasks: list[TaskRun],
    datasets: list[dict[str, object]],
    revision: str,
    problems: Mapping[str, str],
) -> Markup:
    """Render the first screen; `problems` are those of models that cannot be read, by name."""
    task = find_showcase(tasks)
    model, runs = task.best, [run for own in tasks for run in own.models]
    pretrained = getattr(model.info.model, "pretrained", None)
    return render(
        "summary.html",
        tasks=tasks,
        datasets=datasets,
        revision=revision,
        task=task,
        is_rendered=all(dataset["source"] == "rendered" for dataset in datasets),
        initial_weights=pretrained if isinstance(pretrained, str) else None,
        has_twins=any("original" in run.scores.get("view", {}) for run in runs),
        strip=_strip(task, model),
        problems=problems,
    )


def _strip(task: TaskRun, model: ModelRun) -> list[Card]:
    """Validation faces with predicted landmarks, evenly spaced in the order of their errors."""
    order = model.by_error
    count = min(N_FACES, len(order))
    positions = order[((np.arange(count) + 0.5) / count * len(order)).astype(int)]
    faces = task.faces.inputs(task.faces.rows("validation")[positions])
    cards = []
    for face, position in zip(faces, positions, strict=True):
        nme = percent(model.errors["nme"].iloc[position])
        predicted = apply_map(face.photo_to_input, model.validation.landmarks_photo[position])
        predicted = only_own_points(predicted, face.landmarks_input, task)
        alt = f"Validation face {face.name}, predicted by {model.name}: NME {nme}"
        picture = task_picture(task, face, alt, predicted=predicted, with_target=False, zoom=True)
        cards.append(Card(picture, nme))
    return cards
