"""Section of a task on photos of many kinds: error distribution, uncertainty, groups of faces."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.core.predictions import LandmarkPredictions
from keypoints.evaluation.metrics import ced_curve
from keypoints.report.analysis import (
    Subgroup,
    find_flipped_copies,
    mean_shape,
    point_errors,
    rank_correlation,
    summarize_subgroup,
    terciles,
    yaw_proxy,
)
from keypoints.report.charts import Series, bar_chart, line_chart, mean_face_chart
from keypoints.report.components import Card, augmentation_cards, model_cards
from keypoints.report.pictures import face_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

N_AUGMENTED, N_TEST_FACES = 4, 4


@dataclass(frozen=True)
class Uncertainty:
    """Test faces by the disagreement of the predictions for the image and its flipped copy.

    Attributes:
        most_certain: Test faces with the smallest disagreement.
        least_certain: Test faces with the largest disagreement.
        correlation: Rank correlation of disagreement and error on the validation faces.
    """

    most_certain: list[Card]
    least_certain: list[Card]
    correlation: float


@dataclass(frozen=True)
class Bias:
    """Errors on groups of validation faces.

    Attributes:
        size: Groups by the size of the face.
        yaw: Groups by the yaw of the head.
        flipped: Photos, and their flipped copies in the data set.
        n_flipped: Number of validation photos with a flipped copy.
        flip_difference: Mean absolute difference of the two NMEs; None without flipped copies.
    """

    size: list[Subgroup]
    yaw: list[Subgroup]
    flipped: list[Subgroup]
    n_flipped: int
    flip_difference: float | None


def wild_section(task: TaskRun) -> Section:
    """Describe the best model of the task; the CED curves show all of its models."""
    model = task.best
    photo = task.faces.landmarks_photo(task.faces.rows("validation"))
    body = render(
        "wild.html",
        task=task,
        shown=model_cards(task, model),
        augmented=augmentation_cards(task, model, N_AUGMENTED),
        ced_chart=_ced_chart(task),
        part_chart=_part_chart(model),
        point_chart=_point_chart(task, model, photo),
        uncertainty=_uncertainty(task, model),
        bias=_bias(task, model, photo),
        n_incomplete=task.faces.n_incomplete(task.points),
    )
    has_boxes = task.settings.box_scale is not None
    title = "Faces in the wild" if has_boxes else f"{len(task.points)} landmarks in close-ups"
    return Section(f"task-{task.name}", title, body)


def _ced_chart(task: TaskRun) -> Markup:
    errors = {model.name: model.errors["nme"].to_numpy() for model in task.models}
    end = max(0.15, max(float(np.quantile(nme, 0.95)) for nme in errors.values()))
    levels = np.linspace(0, end, 201)
    lines = [
        Series(name, 100 * levels, 100 * ced_curve(nme, levels)) for name, nme in errors.items()
    ]
    values = ", ".join(f"{name} {100 * np.mean(nme <= 0.08):.0f} %" for name, nme in errors.items())
    return line_chart(
        lines,
        alt=f"CED curves; fraction of the faces with an NME of at most 8 %: {values}",
        x_label="NME, %",
        y_label="faces with at most this NME, %",
        top=100,
    )


def _part_chart(model: ModelRun) -> Markup:
    parts = sorted(model.scores["nme_part"].items(), key=lambda part: part[1])
    values = ", ".join(f"{name} {100 * nme:.1f} %" for name, nme in parts)
    return bar_chart(
        [name for name, _ in parts],
        [100 * nme for _, nme in parts],
        alt=f"Mean error of {model.name} on each part of the face: {values}",
        x_label="NME, %",
    )


def _point_chart(task: TaskRun, model: ModelRun, photo: np.ndarray) -> Markup:
    norm = model.errors["inter_ocular_px"].to_numpy()
    percent = point_errors(model.validation.landmarks_photo, photo[:, task.points], norm)
    best, worst = int(percent.argmin()), int(percent.argmax())
    return mean_face_chart(
        mean_shape(photo, task.faces.scheme),
        percent,
        task.faces.scheme,
        alt=f"The mean face with the error of each point: point {task.points[best]} has the "
        f"smallest, {percent[best]:.1f} %, point {task.points[worst]} the largest, "
        f"{percent[worst]:.1f} %",
    )


def _uncertainty(task: TaskRun, model: ModelRun) -> Uncertainty | None:
    if model.test is None:
        return None
    disagreement = model.test.flip_disagreement()
    order = np.argsort(disagreement, kind="stable")
    count = min(N_TEST_FACES, len(order) // 2)
    return Uncertainty(
        most_certain=_test_cards(task, model.name, model.test, order[:count]),
        least_certain=_test_cards(task, model.name, model.test, order[::-1][:count]),
        correlation=rank_correlation(
            model.validation.flip_disagreement(), model.errors["nme"].to_numpy()
        ),
    )


def _test_cards(
    task: TaskRun, model: str, predictions: LandmarkPredictions, positions: np.ndarray
) -> list[Card]:
    faces = task.faces.inputs(task.faces.rows("test")[positions])
    disagreement = predictions.flip_disagreement()
    cards = []
    for face, position in zip(faces, positions, strict=True):
        caption = f"disagreement {100 * disagreement[position]:.1f} %"
        predicted = apply_map(face.photo_to_input, predictions.landmarks_photo[position])
        alt = f"Test face {face.name}, predicted by {model}: {caption}"
        cards.append(Card(face_picture(face.image, alt=alt, predicted=predicted), caption))
    return cards


def _bias(task: TaskRun, model: ModelRun, photo: np.ndarray) -> Bias:
    nme = model.errors["nme"].to_numpy()
    size = model.errors["inter_ocular_px"].to_numpy()
    yaw = 100 * yaw_proxy(photo, task.faces.scheme)
    pairs = np.array(find_flipped_copies(list(model.errors["face"])), int).reshape(-1, 2)
    original, flipped = nme[pairs[:, 0]], nme[pairs[:, 1]]
    groups = {"photos": original, "flipped copies": flipped} if len(pairs) else {}
    return Bias(
        size=terciles(size, nme, ("small", "medium", "large"), " px"),
        yaw=terciles(yaw, nme, ("frontal", "in between", "turned"), " %"),
        flipped=[summarize_subgroup(label, errors) for label, errors in groups.items()],
        n_flipped=len(pairs),
        flip_difference=float(np.mean(np.abs(original - flipped))) if len(pairs) else None,
    )
