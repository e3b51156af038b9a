"""Section of a task with all landmarks of a face in a whole frame, and the factors of its error."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from keypoints.report.analysis import (
    distance_to_centre,
    mouth_width,
    rank_correlation,
    yaw_proxy,
)
from keypoints.report.charts import Series, bar_chart, scatter_chart
from keypoints.report.components import augmentation_cards, model_cards, sample_cards
from keypoints.report.layers import first_filters
from keypoints.report.pictures import data_uri, filters_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

N_SAMPLES, N_AUGMENTED = 8, 4
VIEWS = {  # of the IMM Face Database
    1: "neutral",
    2: "smiling",
    3: "turned to one side",
    4: "turned to the other side",
    5: "light from one side",
    6: "free expression",
}
_VIEW_GROUPS = (("views 1, 2", (1, 2)), ("turned", (3, 4)), ("views 5, 6", (5, 6)))


@dataclass(frozen=True)
class ViewSummary:
    """Means over the validation faces of one view."""

    name: str
    faces: int
    nme: float
    yaw: float
    off_centre: float
    mouth: float


@dataclass(frozen=True)
class ErrorFactor:
    """A property of faces and its rank correlation with the error."""

    name: str
    correlation: float
    chart: Markup

    @property
    def strength(self) -> float:
        return abs(self.correlation)


@dataclass(frozen=True)
class ErrorAnalysis:
    """Relation between the error and properties of the annotated faces."""

    views: list[ViewSummary]
    view_chart: Markup
    factors: list[ErrorFactor]


def face_section(task: TaskRun) -> Section:
    """Describe the best model of the task."""
    model = task.best
    filters = first_filters(model.network).numpy()
    picture = filters_picture(filters, columns=13)
    body = render(
        "face.html",
        task=task,
        shown=model_cards(task, model),
        samples=sample_cards(task, N_SAMPLES),
        augmented=augmentation_cards(task, model, N_AUGMENTED),
        analysis=_analyse_errors(task, model),
        filters={"uri": data_uri(picture, ".png"), "size": picture.shape, "shape": filters.shape},
    )
    return Section(f"task-{task.name}", "All landmarks of a face", body)


def _analyse_errors(task: TaskRun, model: ModelRun) -> ErrorAnalysis:
    scheme, rows = task.faces.scheme, task.faces.rows("validation")
    faces = task.faces.inputs(rows)
    points = np.array([face.landmarks_input for face in faces]) / task.faces.size[::-1]
    photo = task.faces.landmarks_photo(rows)
    nme = model.errors["nme"].to_numpy()
    view = model.errors["view"].to_numpy()
    measured = {
        "yaw": 100 * yaw_proxy(photo, scheme),
        "off_centre": 100 * distance_to_centre(points, np.nanmean(points, axis=(0, 1))),
        "mouth": 100 * mouth_width(photo, scheme),
    }
    views = [
        ViewSummary(
            name=VIEWS.get(number, f"view {number}"),
            faces=int(own.sum()),
            nme=float(nme[own].mean()),
            **{name: float(values[own].mean()) for name, values in measured.items()},
        )
        for number in sorted(set(view))
        for own in [view == number]
    ]
    labels = {
        "yaw": ("head turn", "nose off the midpoint of the eyes, %"),
        "off_centre": ("distance to the centre", "distance to the mean position, % of the image"),
        "mouth": ("mouth width", "width of the mouth, % of the inter-ocular distance"),
    }
    factors = [_error_factor(*labels[name], values, nme, view) for name, values in measured.items()]
    return ErrorAnalysis(views, _view_chart(model, views), factors)


def _error_factor(
    name: str, label: str, values: np.ndarray, nme: np.ndarray, view: np.ndarray
) -> ErrorFactor:
    correlation = rank_correlation(values, nme)
    groups = [
        Series(group, values[own], 100 * nme[own])
        for group, numbers in _VIEW_GROUPS
        if (own := np.isin(view, numbers)).any()
    ]
    chart = scatter_chart(
        groups or [Series("faces", values, 100 * nme)],
        alt=f"Error of each validation face against: {label}; rank correlation {correlation:.2f}",
        x_label=label,
        y_label="NME, %",
    )
    return ErrorFactor(name, correlation, chart)


def _view_chart(model: ModelRun, views: list[ViewSummary]) -> Markup:
    values = ", ".join(f"{view.name} {100 * view.nme:.1f} %" for view in views)
    return bar_chart(
        [view.name for view in views],
        [100 * view.nme for view in views],
        alt=f"Mean error of {model.name} on each view: {values}",
        x_label="NME, %",
    )
