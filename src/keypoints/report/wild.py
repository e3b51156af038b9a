"""Section of a task on photos of many kinds: error distribution, uncertainty, groups of faces."""

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.core.predictions import LandmarkPredictions
from keypoints.evaluation.metrics import ced_curve
from keypoints.report.analysis import (
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


def wild_section(task: TaskRun) -> Section:
    """Describe the best model of the task; the CED curves show all of its models."""
    model = task.best
    photo = task.faces.landmarks_photo(task.faces.rows("validation"))
    parts = sorted(model.scores["nme_part"].items(), key=lambda part: part[1])
    body = render(
        "wild.html",
        task=task,
        shown=model_cards(task, model),
        augmented=augmentation_cards(task, model, N_AUGMENTED),
        ced_chart=_ced_chart(task),
        part_chart=bar_chart(
            dict(parts), title=f"Mean error of {model.name} on each part of the face"
        ),
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


def _uncertainty(task: TaskRun, model: ModelRun) -> dict[str, object] | None:
    """Test faces by the disagreement of the predictions for the image and its flipped copy."""
    if model.test is None:
        return None
    order = np.argsort(model.test.flip_disagreement(), kind="stable")
    count = min(N_TEST_FACES, len(order) // 2)
    disagreement, nme = model.validation.flip_disagreement(), model.errors["nme"].to_numpy()
    return {
        "most_certain": _test_cards(task, model.name, model.test, order[:count]),
        "least_certain": _test_cards(task, model.name, model.test, order[::-1][:count]),
        "correlation": rank_correlation(disagreement, nme),
    }


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


def _bias(task: TaskRun, model: ModelRun, photo: np.ndarray) -> dict[str, object]:
    """Errors on groups of validation faces; flipped copies are compared with their photos."""
    nme = model.errors["nme"].to_numpy()
    size = model.errors["inter_ocular_px"].to_numpy()
    yaw = 100 * yaw_proxy(photo, task.faces.scheme)
    groups: dict[str, object] = {
        "size": terciles(size, nme, ("small", "medium", "large"), " px"),
        "yaw": terciles(yaw, nme, ("frontal", "in between", "turned"), " %"),
        "n_flipped": 0,
    }
    pairs = find_flipped_copies(list(model.errors["face"]))
    if pairs:
        original, flipped = nme[np.transpose(pairs)]
        groups |= {
            "n_flipped": len(pairs),
            "flipped": [
                summarize_subgroup("photos", original),
                summarize_subgroup("flipped copies", flipped),
            ],
            "flip_difference": float(np.mean(np.abs(original - flipped))),
        }
    return groups
