"""The section of all points of a face in a whole frame: shape, augmentation, causes of error."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from keypoints.report.analysis import mouth_width_of, off_centre_of, rank_correlation, yaw_proxy
from keypoints.report.charts import Series, bar_chart, scatter_chart
from keypoints.report.components import (
    augmentation_cards,
    good_and_bad,
    network_of,
    samples,
    training_of,
)
from keypoints.report.layers import first_filters
from keypoints.report.pictures import data_uri, filters_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

SAMPLES, AUGMENTED, JUDGED = 8, 4, 4
VIEWS = {
    1: "neutral",
    2: "smiling",
    3: "turned to one side",
    4: "turned to the other side",
    5: "light from one side",
    6: "free expression",
}


@dataclass(frozen=True)
class View:
    """The validation faces of one view, with the means of what was measured on them."""

    name: str
    faces: int
    nme: float
    turn: float
    off_centre: float
    mouth: float


@dataclass(frozen=True)
class ErrorFactor:
    """Something that may make a face hard, and how it goes with the error."""

    name: str
    correlation: float
    chart: Markup

    @property
    def strength(self) -> float:
        """Of the correlation, whatever its direction."""
        return abs(self.correlation)


def face_section(task: TaskRun) -> Section:
    """Tell of the best model of the task."""
    model = task.best
    good, bad = good_and_bad(task, model, JUDGED)
    views, causes, chart = _causes(task, model)
    filters = first_filters(model.network).numpy()
    picture, n_rows = filters_picture(filters, columns=13)
    body = render(
        "face.html",
        task=task,
        model=model,
        samples=samples(task, SAMPLES),
        augmented=augmentation_cards(task, model, AUGMENTED),
        layers=network_of(task, model),
        training=training_of(model),
        good=good,
        bad=bad,
        views=views,
        view_chart=chart,
        causes=causes,
        filters={
            "uri": data_uri(picture, ".png"),
            "size": picture.shape[:2],
            "shape": filters.shape,
            "rows": n_rows,
        },
    )
    return Section(f"task-{task.name}", "All points of the face", body)


def _causes(task: TaskRun, model: ModelRun) -> tuple[list[View], list[ErrorFactor], Markup]:
    """Measure the validation faces on their annotations, and set that against their errors."""
    album, scheme = task.album, task.album.scheme
    faces = album.faces(album.rows("validation"))
    points = np.array([face.landmarks_input for face in faces]) / album.size[::-1]
    photo = album.landmarks_photo(album.rows("validation"))
    nme = model.errors["nme"].to_numpy()
    view = model.errors["view"].to_numpy()
    measured = {
        "turned": 100 * yaw_proxy(photo, scheme),
        "off-centre": 100 * off_centre_of(points, np.nanmean(points, axis=(0, 1))),
        "smiling": 100 * mouth_width_of(photo, scheme),
    }
    views = [
        View(VIEWS.get(number, f"view {number}"), int(own.sum()), float(nme[own].mean()),
             *(float(values[own].mean()) for values in measured.values()))
        for number in sorted(set(view)) for own in [view == number]
    ]  # fmt: skip
    labels = {
        "turned": "nose off the middle of the eyes, %",
        "off-centre": "way off the average place, % of the picture",
        "smiling": "width of the mouth, % of the eyes' distance",
    }
    causes = [_cause(name, labels[name], values, nme, view) for name, values in measured.items()]
    return views, causes, _view_chart(model, views)


def _cause(
    name: str, label: str, values: np.ndarray, nme: np.ndarray, view: np.ndarray
) -> ErrorFactor:
    correlation = rank_correlation(values, nme)
    groups = [
        Series(words, values[own], 100 * nme[own])
        for words, numbers in (("views 1, 2", (1, 2)), ("turned", (3, 4)), ("views 5, 6", (5, 6)))
        if (own := np.isin(view, numbers)).any()
    ]
    return ErrorFactor(
        name,
        correlation,
        scatter_chart(
            groups or [Series("faces", values, 100 * nme)],
            alt=f"Error of each validation face against: {label}; "
            f"rank correlation {correlation:.2f}",
            x_label=label,
            y_label="NME, %",
        ),
    )


def _view_chart(model: ModelRun, views: list[View]) -> Markup:
    told = ", ".join(f"{view.name} {100 * view.nme:.1f} %" for view in views)
    return bar_chart(
        [view.name for view in views],
        [100 * view.nme for view in views],
        alt=f"Mean error of {model.name} on each view: {told}",
        x_label="NME, %",
    )
