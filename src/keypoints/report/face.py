"""Section of a task with all landmarks of a face in a whole frame, and the factors of its error."""

import numpy as np
import pandas as pd

from keypoints.report.analysis import (
    MIN_FACES,
    distance_to_centre,
    mouth_width,
    rank_correlation,
    yaw_proxy,
)
from keypoints.report.charts import Series, dot_chart, scatter_chart
from keypoints.report.components import augmentation_cards, model_cards
from keypoints.report.layers import first_filters
from keypoints.report.pictures import data_uri, filters_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

N_AUGMENTED = 3
VIEWS = {  # of the IMM Face Database
    1: "neutral",
    2: "smiling",
    3: "turned to one side",
    4: "turned to the other side",
    5: "light from one side",
    6: "free expression",
}
_VIEW_GROUPS = (("views 1, 2", (1, 2)), ("turned", (3, 4)), ("views 5, 6", (5, 6)))
_FACTORS = {
    "yaw": ("head turn", "nose off the midpoint of the eyes, %"),
    "off_centre": ("distance to the centre", "distance to the mean position, % of the image"),
    "mouth": ("mouth width", "width of the mouth, % of the inter-ocular distance"),
}


def face_section(task: TaskRun) -> Section:
    """Describe the best model of the task."""
    model = task.best
    filters = first_filters(model.network).numpy()
    picture = filters_picture(filters, columns=13)
    body = render(
        "face.html",
        task=task,
        shown=model_cards(task, model),
        augmented=augmentation_cards(task, model, N_AUGMENTED),
        analysis=_analyse_errors(task, model),
        filters={"uri": data_uri(picture, ".png"), "size": picture.shape, "shape": filters.shape},
    )
    return Section(f"task-{task.name}", f"{len(task.points)} landmarks in whole frames", body)


def _analyse_errors(task: TaskRun, model: ModelRun) -> dict[str, object]:
    """Relation between the error and properties of the annotated faces."""
    scheme, rows = task.faces.scheme, task.faces.rows("validation")
    faces = task.faces.inputs(rows)
    points = np.array([face.landmarks_input for face in faces]) / task.faces.size[::-1]
    photo = task.faces.landmarks_photo(rows)
    table = model.errors[["view", "nme"]].assign(
        yaw=100 * yaw_proxy(photo, scheme),
        off_centre=100 * distance_to_centre(points, np.nanmean(points, axis=(0, 1))),
        mouth=100 * mouth_width(photo, scheme),
    )
    views = [
        {"name": VIEWS.get(view, f"view {view}"), "faces": len(own), **own.mean()}
        for view, own in table.groupby("view")
    ]
    errors = {VIEWS.get(view, f"view {view}"): own["nme"] for view, own in table.groupby("view")}
    has_many_faces = len(table) >= MIN_FACES
    return {
        "views": views,
        "view_chart": dot_chart({view: nme.to_numpy() for view, nme in errors.items()}),
        "factors": [_error_factor(table, column) for column in _FACTORS if has_many_faces],
    }


def _error_factor(table: pd.DataFrame, column: str) -> dict[str, object]:
    """A property of faces and its rank correlation with the error."""
    name, label = _FACTORS[column]
    correlation = rank_correlation(table[column].to_numpy(), table["nme"].to_numpy())
    groups = [
        Series(group, own[column].to_numpy(), 100 * own["nme"].to_numpy())
        for group, views in _VIEW_GROUPS
        if len(own := table[table["view"].isin(views)])
    ]
    chart = scatter_chart(
        groups,
        alt=f"Error of each validation face against: {label}; rank correlation {correlation:.2f}",
        x_label=label,
        y_label="NME, %",
    )
    return {"name": name, "correlation": correlation, "strength": abs(correlation), "chart": chart}
