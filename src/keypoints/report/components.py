"""Elements that several sections show: face images, loss curves, layers."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.core.types import Array
from keypoints.crops.augment import Augment
from keypoints.evaluation.drawing import select_contours
from keypoints.report.charts import Series, line_chart
from keypoints.report.layers import list_layers
from keypoints.report.pictures import face_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.task_faces import InputFace
from keypoints.report.template import percent, pixel_error

_N_PREDICTED = 4  # best and worst faces


@dataclass(frozen=True)
class Card:
    """A picture with its caption."""

    picture: Markup
    caption: str
    note: str = ""


def model_cards(task: TaskRun, model: ModelRun) -> dict[str, object]:
    """The elements that the section of every task shows of its main model."""
    order = model.by_error
    count = min(_N_PREDICTED, max(1, len(order) // 2))
    others = [other for other in task.models if other is not model]
    return {
        "model": model,
        "layers": list_layers(model.network, task.settings.channels, task.settings.input_size),
        "training": _summarize_training(model),
        "augmentation": describe_augmentation(model.augment, is_colour=task.settings.colour),
        "other_charts": {other.name: _loss_chart(other) for other in others},
        "best": prediction_cards(task, model, order[:count]),
        "worst": prediction_cards(task, model, order[::-1][:count]),
    }


def sample_cards(task: TaskRun, count: int) -> list[Card]:
    """Show training faces with the annotations that the task uses."""
    faces = task.faces.inputs(task.faces.sample_rows("train", count))
    return [_annotated_card(task, face, "Training face", face.name) for face in faces]


def augmentation_cards(task: TaskRun, model: ModelRun, count: int) -> list[tuple[Card, Card]]:
    """Show training faces before and after the augmentation of the first epoch."""
    rows = task.faces.sample_rows("train", count)
    augmented = task.faces.augmented(rows, model.augment, seed=model.info.seed)
    return [
        (
            _annotated_card(task, before, "Original training face", "original"),
            _annotated_card(task, after, "Augmented training face", "augmented"),
        )
        for before, after in zip(task.faces.inputs(rows), augmented, strict=True)
    ]


def describe_augmentation(augment: Augment, *, is_colour: bool) -> str:
    """The changes to a training face, to continue "each face is"."""
    kinds = {
        f"shifted by up to {augment.translate:g} px": augment.translate,
        f"rotated by up to {augment.rotation:g}°": augment.rotation,
        f"enlarged or shrunk by up to {percent(augment.scale, 0)}": augment.scale,
        f"made up to {percent(augment.brightness, 0)} brighter or darker": augment.brightness,
        f"up to {percent(augment.saturation, 0)} more or less saturated": (
            augment.saturation and is_colour
        ),
        "changed in gamma correction": augment.gamma,
        "blurred": augment.blur,
        f"flipped ({percent(augment.hflip, 0)} of the faces)": augment.hflip,
        f"converted to gray ({percent(augment.grayscale, 0)})": augment.grayscale and is_colour,
        f"partly erased ({percent(augment.erase, 0)})": augment.erase,
    }
    return ", ".join(kind for kind, amount in kinds.items() if amount) or "not changed"


def prediction_cards(
    task: TaskRun, model: ModelRun, positions: np.ndarray, notes: Iterable[str] = repeat("")
) -> list[Card]:
    """Show annotated and predicted landmarks, and errors, of some of the validation faces."""
    faces = task.faces.inputs(task.faces.rows("validation")[positions])
    cards = []
    for face, position, note in zip(faces, positions, notes, strict=False):
        error = model.errors.iloc[position]
        nme, mae = percent(error["nme"]), pixel_error("mae_px", error["mae_px"])
        caption = f"NME\N{NO-BREAK SPACE}{nme}, {mae}"
        alt = f"Validation face {face.name}, annotated and predicted by {model.name}: {caption}"
        predicted = apply_map(face.photo_to_input, model.validation.landmarks_photo[position])
        predicted = only_own_points(predicted, face.landmarks_input, task)
        cards.append(Card(task_picture(task, face, alt, predicted=predicted), caption, note))
    return cards


def only_own_points(predicted: Array, landmarks_input: Array, task: TaskRun) -> Array:
    """Predicted points, (n_points, 2), without those of other conventions than the face's labels.

    The labels, (n_all_points, 2), are NaN for unknown points.
    """
    for convention in task.faces.scheme.convention_points:
        if np.isfinite(landmarks_input[list(convention)]).any():
            return np.where(np.isin(task.points, convention)[:, None], predicted, np.nan)
    return predicted


def task_picture(
    task: TaskRun,
    face: InputFace,
    alt: str,
    *,
    predicted: Array | None = None,
    with_target: bool = True,
    zoom: bool | None = None,
) -> Markup:
    """Show a face with the landmarks of the task.

    Args:
        task: The task.
        face: The face.
        alt: Alternative text.
        predicted: Predicted landmarks in pixels of the input, (n_points, 2).
        with_target: Whether to show the annotated landmarks.
        zoom: Whether to show only a square around the landmarks; None: if the input is a whole
            frame, in which many landmarks would be too small to see.
    """
    if zoom is None:
        zoom = task.n_landmarks > 15 and task.settings.box_scale is None
    return face_picture(
        face.image,
        alt=alt,
        target=face.landmarks_input[task.points] if with_target else None,
        predicted=predicted,
        contours=select_contours(task.faces.scheme, task.points),
        zoom=zoom,
    )


def _annotated_card(task: TaskRun, face: InputFace, label: str, caption: str) -> Card:
    points = face.landmarks_input[task.points]
    known = int(np.isfinite(points).all(axis=1).sum())
    landmarks = f"{known} annotated landmarks" if len(points) > 1 else "its annotated nose tip"
    alt = f"{label} {face.name} with {landmarks}"
    return Card(task_picture(task, face, alt), caption)


def _summarize_training(model: ModelRun) -> dict[str, object]:
    """Loss curves, and train_mse and val_mse of the first and of the last epoch."""
    losses = model.history[["train_mse", "val_mse"]].to_numpy()
    best = losses[:, 1].argmin()
    return {
        "chart": _loss_chart(model),
        "n_epochs": len(losses),
        "first": losses[0],
        "last": losses[-1],
        "best": losses[best, 1],
        "best_epoch": model.history["epoch"].iloc[best],
    }


def _loss_chart(model: ModelRun) -> Markup:
    history = model.history
    lines = [
        Series(label, history["epoch"].to_numpy(), 1000 * history[column].to_numpy())
        for label, column in (("training", "train_mse"), ("validation", "val_mse"))
    ]
    last = " and ".join(f"{line.label} {line.y[-1]:.3g}" for line in lines)
    return line_chart(
        lines,
        alt=f"Loss curves of {model.name}; at the end, in thousandths: {last}",
        x_label="epoch",
        y_label="mean squared error × 1000",
        log=True,
    )
