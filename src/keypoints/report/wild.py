"""The section of the larger set: faces in photos of every kind, cut around their boxes."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.evaluation.metrics import ced_curve
from keypoints.report.analysis import (
    Subgroup,
    mean_shape,
    point_errors,
    rank_correlation,
    share,
    terciles,
    twins,
    yaw_proxy,
)
from keypoints.report.charts import Series, bar_chart, line_chart, mean_face_chart
from keypoints.report.components import (
    Card,
    augmentation_cards,
    good_and_bad,
    network_of,
    training_of,
)
from keypoints.report.pictures import face_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

AUGMENTED, JUDGED, TEST_FACES = 4, 4, 4


@dataclass(frozen=True)
class Uncertainty:
    """How sure the model is of the test faces, judged by its disagreement with its mirror image.

    Attributes:
        surest: The test faces with the smallest disagreement.
        least_sure: Those with the largest.
        correlation: Of disagreement and error on the validation faces, by rank.
    """

    surest: list[Card]
    least_sure: list[Card]
    correlation: float


@dataclass(frozen=True)
class Bias:
    """Groups of validation faces, and whether mirror twins are treated alike."""

    size: list[Subgroup]
    turn: list[Subgroup]
    twins: list[Subgroup]
    n_twins: int
    twin_difference: float | None


def wild_section(task: TaskRun) -> Section:
    """Tell of the best model of the task; the CED curves are those of all."""
    model = task.best
    good, bad = good_and_bad(task, model, JUDGED)
    photo = task.album.landmarks_photo(task.album.rows("validation"))
    body = render(
        "wild.html",
        task=task,
        model=model,
        augmented=augmentation_cards(task, model, AUGMENTED),
        layers=network_of(task, model),
        training=training_of(model),
        good=good,
        bad=bad,
        ced=_ced_chart(task),
        parts=_part_chart(model),
        points=_point_chart(task, model, photo),
        certainty=_certainty(task, model),
        bias=_bias(task, model, photo),
        n_incomplete=task.album.n_incomplete(task.points),
    )
    boxed = task.task.box_scale is not None
    title = "The larger set" if boxed else f"{len(task.points)} points in grey pictures"
    return Section(f"task-{task.name}", title, body)


def _ced_chart(task: TaskRun) -> Markup:
    errors = {model.name: model.errors["nme"].to_numpy() for model in task.models}
    end = max(0.15, max(float(np.quantile(nme, 0.95)) for nme in errors.values()))
    levels = np.linspace(0, end, 201)
    lines = [
        Series(name, 100 * levels, 100 * ced_curve(nme, levels)) for name, nme in errors.items()
    ]
    told = ", ".join(f"{name} {100 * np.mean(nme <= 0.08):.0f} %" for name, nme in errors.items())
    return line_chart(
        lines,
        alt=f"CED curves; share of the faces with an NME of at most 8 %: {told}",
        x_label="NME, %",
        y_label="faces with at most that error, %",
        top=100,
    )


def _part_chart(model: ModelRun) -> Markup:
    parts = sorted(model.scores["nme_part"].items(), key=lambda part: part[1])
    told = ", ".join(f"{name} {100 * nme:.1f} %" for name, nme in parts)
    return bar_chart(
        [name for name, _ in parts],
        [100 * nme for _, nme in parts],
        alt=f"Mean error of {model.name} on each part of the face: {told}",
        x_label="NME, %",
    )


def _point_chart(task: TaskRun, model: ModelRun, photo: np.ndarray) -> Markup:
    norm = model.errors["inter_ocular_px"].to_numpy()
    percent = point_errors(model.validation.landmarks_photo, photo[:, task.points], norm)
    best, worst = int(percent.argmin()), int(percent.argmax())
    return mean_face_chart(
        mean_shape(photo, task.album.scheme),
        percent,
        task.album.scheme,
        alt=f"The mean face with the error of each point: point {task.points[best]} has the "
        f"smallest, {percent[best]:.1f} %, point {task.points[worst]} the largest, "
        f"{percent[worst]:.1f} %",
    )


def _certainty(task: TaskRun, model: ModelRun) -> Uncertainty | None:
    rows = task.album.rows("test")
    if model.test is None or not len(rows):
        return None
    disagreement = model.test.flip_disagreement()
    order = np.argsort(disagreement, kind="stable")
    count = min(TEST_FACES, len(rows) // 2)
    return Uncertainty(
        surest=_test_cards(task, model, order[:count], disagreement),
        least_sure=_test_cards(task, model, order[::-1][:count], disagreement),
        correlation=rank_correlation(
            model.validation.flip_disagreement(), model.errors["nme"].to_numpy()
        ),
    )


def _test_cards(
    task: TaskRun, model: ModelRun, positions: np.ndarray, disagreement: np.ndarray
) -> list[Card]:
    assert model.test is not None, "asked only where there are predictions"
    faces = task.album.faces(task.album.rows("test")[positions])
    cards = []
    for face, position in zip(faces, positions, strict=True):
        caption = f"disagreement {100 * disagreement[position]:.1f} %"
        predicted = apply_map(face.photo_to_input, model.test.landmarks_photo[position])
        alt = f"Test face {face.name}, predicted by {model.name}: {caption}"
        cards.append(Card(face_picture(face.image, alt=alt, predicted=predicted), caption))
    return cards


def _bias(task: TaskRun, model: ModelRun, photo: np.ndarray) -> Bias:
    nme = model.errors["nme"].to_numpy()
    size = model.errors["inter_ocular_px"].to_numpy()
    turn = 100 * yaw_proxy(photo, task.album.scheme)
    pairs = np.array(twins(list(model.errors["face"])), int).reshape(-1, 2)
    originals, mirrored = nme[pairs[:, 0]], nme[pairs[:, 1]]
    return Bias(
        size=terciles(size, nme, ("small", "middling", "large"), " px"),
        turn=terciles(turn, nme, ("frontal", "between", "turned"), " %"),
        twins=[share("photo", originals), share("mirror twin", mirrored)] if len(pairs) else [],
        n_twins=len(pairs),
        twin_difference=float(np.mean(np.abs(originals - mirrored))) if len(pairs) else None,
    )
