"""What several sections show: sheets of faces, loss curves, the network."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.report.charts import Series, line_chart
from keypoints.report.layers import Layer, layers_of
from keypoints.report.pictures import face_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.task_faces import InputFace
from keypoints.report.template import percent


@dataclass(frozen=True)
class Card:
    """A picture with the line below it."""

    picture: Markup
    caption: str


@dataclass(frozen=True)
class Training:
    """How the training of a model went.

    Attributes:
        whole: Chart of all epochs.
        later: Chart without the first epoch; None for fewer than three.
        epochs: How many.
        first: train_mse and val_mse of the first epoch.
        last: The same of the last one.
        best_epoch: The one with the lowest val_mse.
        best: Its val_mse.
    """

    whole: Markup
    later: Markup | None
    epochs: int
    first: tuple[float, float]
    last: tuple[float, float]
    best_epoch: int
    best: float


def samples(task: TaskRun, count: int) -> list[Card]:
    """Training faces, spread over the set, with the points that the task is about."""
    faces = task.album.faces(task.album.spread("train", count))
    return [Card(_annotated(task, face, "Training face"), face.name) for face in faces]


def augmentation_cards(task: TaskRun, model: ModelRun, count: int) -> list[tuple[Card, Card]]:
    """Training faces as they are, each with what the first epoch made of it."""
    rows = task.album.spread("train", count)
    settings = model.settings
    after = task.album.augmented(rows, settings.model.augment, seed=settings.seed)
    return [
        (
            Card(_annotated(task, plain, "Training face as it is:"), plain.name),
            Card(_annotated(task, changed, "Augmented training face"), "augmented"),
        )
        for plain, changed in zip(task.album.faces(rows), after, strict=True)
    ]


def prediction_cards(task: TaskRun, model: ModelRun, positions: Iterable[int]) -> list[Card]:
    """Validation faces with annotated and predicted points, and their errors.

    Args:
        task: Of the model.
        model: That predicts.
        positions: Among the validation faces.
    """
    positions = list(positions)
    faces = task.album.faces(task.album.rows("validation")[positions])
    cards = []
    for face, position in zip(faces, positions, strict=True):
        error = model.errors.iloc[position]
        caption = f"{error['mae_px']:.1f} px, NME {percent(error['nme'])}"
        alt = f"Validation face {face.name}, annotated and predicted by {model.name}: {caption}"
        predicted = apply_map(face.photo_to_input, model.validation.landmarks_photo[position])
        target = face.landmarks_input[task.points]
        cards.append(
            Card(face_picture(face.image, alt=alt, target=target, predicted=predicted), caption)
        )
    return cards


def good_and_bad(task: TaskRun, model: ModelRun, count: int) -> tuple[list[Card], list[Card]]:
    """The validation faces with the smallest and with the largest errors."""
    count = min(count, len(model.errors) // 2)
    order = model.by_error
    return prediction_cards(task, model, order[:count]), prediction_cards(
        task, model, order[::-1][:count]
    )


def training_of(model: ModelRun) -> Training:
    """Draw the loss curves of a model."""
    history = model.history
    losses = history[["train_mse", "val_mse"]].to_numpy()
    return Training(
        whole=_loss_chart(model, skipped=0),
        later=_loss_chart(model, skipped=1) if len(history) > 2 else None,
        epochs=len(history),
        first=(losses[0, 0], losses[0, 1]),
        last=(losses[-1, 0], losses[-1, 1]),
        best_epoch=int(history["epoch"].iloc[losses[:, 1].argmin()]),
        best=losses[:, 1].min(),
    )


def network_of(task: TaskRun, model: ModelRun) -> list[Layer]:
    """The layers of a model's network, for the task's input."""
    return layers_of(model.network, task.task.channels, task.task.input_size)


def _loss_chart(model: ModelRun, *, skipped: int) -> Markup:
    history = model.history.iloc[skipped:]
    epoch = history["epoch"].to_numpy()
    lines = [
        Series("training", epoch, 1000 * history["train_mse"].to_numpy()),
        Series("validation", epoch, 1000 * history["val_mse"].to_numpy()),
    ]
    whole = "all epochs" if not skipped else "without the first epoch"
    ends = " and ".join(f"{line.label} at {line.y[-1]:.3g}" for line in lines)
    return line_chart(
        lines,
        alt=f"Loss curves of {model.name}, {whole}: at the end {ends} thousandths",
        x_label="epoch",
        y_label="mean squared error × 1000",
    )


def _annotated(task: TaskRun, face: InputFace, what: str) -> Markup:
    points = face.landmarks_input[task.points]
    known = int(np.isfinite(points).all(axis=1).sum())
    named = f"{known} annotated points" if len(points) > 1 else "its annotated nose tip"
    return face_picture(face.image, alt=f"{what} {face.name} with {named}", target=np.array(points))
