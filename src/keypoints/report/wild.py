"""Section of a task on photos of many kinds: error distribution, test faces, groups of faces."""

import numpy as np
from markupsafe import Markup

from keypoints.competition.local_score import LocalScore
from keypoints.core.geometry import apply_map
from keypoints.evaluation.drawing import select_contours
from keypoints.evaluation.metrics import ced_curve
from keypoints.report.analysis import (
    MIN_FACES,
    drop_flipped_copies,
    find_flipped_copies,
    mean_shape,
    point_errors,
    rank_correlation,
    summarize_subgroup,
    terciles,
    yaw_proxy,
)
from keypoints.report.charts import Series, bar_chart, dot_chart, line_chart, mean_face_chart
from keypoints.report.components import Card, augmentation_cards, model_cards, task_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, pixel_error, render

N_AUGMENTED, N_TEST_FACES = 3, 4


def wild_section(task: TaskRun, test_score: LocalScore | None) -> Section:
    """Describe the best model of the task; the error distribution shows all of its models.

    If there are several kinds of faces, charts of points and groups show the first one.

    The test score is that of the best model, if the labels of the test faces are known.
    """
    model = task.best
    photo = task.faces.landmarks_photo(task.faces.rows("validation"))
    eyes = photo[:, list(task.faces.scheme.eye_corners)]
    is_first_kind = np.asarray(np.isfinite(eyes).all(axis=(1, 2)))
    has_many_faces = np.count_nonzero(is_first_kind) >= MIN_FACES
    body = render(
        "wild.html",
        task=task,
        shown=model_cards(task, model),
        augmented=augmentation_cards(task, model, N_AUGMENTED),
        charts={
            "errors": _ced_chart(task) if has_many_faces else _error_chart(task),
            "parts": _part_chart(model),
            "points": _point_chart(task, model, photo, is_first_kind),
        },
        test=_test_faces(task, model, test_score),
        groups=_groups(task, model, photo, is_first_kind) if has_many_faces else None,
        n_incomplete=task.faces.n_incomplete(task.points),
    )
    has_boxes = task.settings.box_scale is not None
    title = f"{task.n_landmarks} landmarks in {'the wild' if has_boxes else 'close-ups'}"
    return Section(f"task-{task.name}", title, body)


def _error_chart(task: TaskRun) -> Markup:
    errors = {model.name: model.errors["nme"].dropna().to_numpy() for model in task.models}
    return dot_chart(errors, baseline=task.best.scores["baseline_nme"])


def _ced_chart(task: TaskRun) -> Markup:
    errors = {model.name: model.errors["nme"].dropna().to_numpy() for model in task.models}
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
    return bar_chart(dict(parts), title=f"Mean error of {model.name} on each part of the face")


def _point_chart(
    task: TaskRun, model: ModelRun, photo: np.ndarray, is_shown: np.ndarray
) -> Markup | None:
    """The errors of the points of the first convention; None without such a validation face."""
    if not is_shown.any():
        return None
    scheme = task.faces.scheme
    points = [point for point in task.points if point in scheme.convention_points[0]]
    norm = model.errors["norm_px"].to_numpy()[is_shown]
    positions = [task.points.index(point) for point in points]
    predicted = model.validation.landmarks_photo[is_shown][:, positions]
    percent = point_errors(predicted, photo[is_shown][:, points], norm)
    best, worst = int(np.nanargmin(percent)), int(np.nanargmax(percent))
    return mean_face_chart(
        mean_shape(photo[is_shown], scheme)[points],
        percent,
        select_contours(scheme, points),
        alt=f"The mean face with the error of each point: point {points[best]} has the "
        f"smallest, {percent[best]:.1f} %, point {points[worst]} the largest, "
        f"{percent[worst]:.1f} %",
        norm=scheme.norm_name,
    )


def _test_faces(
    task: TaskRun, model: ModelRun, score: LocalScore | None
) -> dict[str, object] | None:
    """The best and the worst test faces: by their errors if these are known.

    If they are not, the faces are selected by the disagreement of the predictions for the image and
    for its flipped copy.
    """
    if model.test is None:
        return None
    if score is not None:
        values = score.faces
        captions = [pixel_error(score.metric, value) for value in values]
        correlation = None
    else:
        values = model.test.flip_disagreement
        captions = [f"disagreement {100 * value:.1f} %" for value in values]
        disagreement, nme = model.validation.flip_disagreement, model.errors["nme"].to_numpy()
        correlation = rank_correlation(disagreement, nme)
    names = task.faces.table["face"].iloc[task.faces.rows("test")]
    order = drop_flipped_copies(np.argsort(values, kind="stable"), list(names))
    count = min(N_TEST_FACES, max(1, len(order) // 2))
    return {
        "is_scored": score is not None,
        "best": _test_cards(task, model, captions, order[:count]),
        "worst": _test_cards(task, model, captions, order[::-1][:count]),
        "correlation": correlation,
    }


def _test_cards(
    task: TaskRun, model: ModelRun, captions: list[str], positions: np.ndarray
) -> list[Card]:
    """Show test faces with their predictions, and without their annotations."""
    assert model.test is not None
    cards = []
    faces = task.faces.inputs(task.faces.rows("test")[positions])
    requested = task.faces.requested_points()[:, task.points]
    for face, position in zip(faces, positions, strict=True):
        predicted = apply_map(face.photo_to_input, model.test.landmarks_photo[position])
        predicted = np.where(requested[position][:, None], predicted, np.nan)
        alt = f"Test face {face.name}, predicted by {model.name}: {captions[position]}"
        picture = task_picture(task, face, alt, predicted=predicted, with_target=False)
        cards.append(Card(picture, captions[position]))
    return cards


def _groups(
    task: TaskRun, model: ModelRun, photo: np.ndarray, is_shown: np.ndarray
) -> dict[str, object]:
    """Errors on groups of validation faces; flipped copies are compared with their photos."""
    is_shown = is_shown & model.errors["nme"].notna().to_numpy()
    errors = model.errors[is_shown]
    nme, size = errors["nme"].to_numpy(), errors["norm_px"].to_numpy()
    yaw = 100 * yaw_proxy(photo[is_shown], task.faces.scheme)
    groups: dict[str, object] = {
        "size": terciles(size, nme, ("small", "medium", "large"), " px"),
        "yaw": terciles(yaw, nme, ("frontal", "in between", "turned"), " %"),
        "n_flipped": 0,
    }
    pairs = find_flipped_copies(list(errors["face"]))
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
