"""Elements that several sections show: face images, loss curves, layers."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.report.charts import Series, line_chart
from keypoints.report.layers import Layer, list_layers
from keypoints.report.pictures import face_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.task_faces import InputFace
from keypoints.report.template import percent

_N_PREDICTED = 4  # best and worst faces


@dataclass(frozen=True)
class Card:
    """A picture with its caption."""

    picture: Markup
    caption: str


@dataclass(frozen=True)
class Training:
    """Training history of a model.

    Attributes:
        all_epochs: Chart of the loss curves.
        later_epochs: Chart without the first epoch; None for fewer than three epochs.
        n_epochs: Number of epochs.
        first: train_mse and val_mse of the first epoch.
        last: train_mse and val_mse of the last epoch.
        best_epoch: Epoch with the lowest val_mse.
        best: Lowest val_mse.
    """

    all_epochs: Markup
    later_epochs: Markup | None
    n_epochs: int
    first: tuple[float, float]
    last: tuple[float, float]
    best_epoch: int
    best: float


@dataclass(frozen=True)
class ModelCards:
    """What the section of every task shows of its main model.

    Attributes:
        model: The model.
        layers: Layers of its network.
        training: Its training history.
        best: Validation faces with the smallest errors.
        worst: Validation faces with the largest errors.
    """

    model: ModelRun
    layers: list[Layer]
    training: Training
    best: list[Card]
    worst: list[Card]


def model_cards(task: TaskRun, model: ModelRun) -> ModelCards:
    """Collect the elements that the section of every task shows."""
    count = min(_N_PREDICTED, len(model.errors) // 2)
    order = model.by_error
    return ModelCards(
        model=model,
        layers=list_layers(model.network, task.settings.channels, task.settings.input_size),
        training=_summarize_training(model),
        best=prediction_cards(task, model, order[:count]),
        worst=prediction_cards(task, model, order[::-1][:count]),
    )


def sample_cards(task: TaskRun, count: int) -> list[Card]:
    """Show training faces with the annotations that the task uses."""
    faces = task.faces.inputs(task.faces.sample_rows("train", count))
    return [Card(_annotated_picture(task, face, "Training face"), face.name) for face in faces]


def augmentation_cards(task: TaskRun, model: ModelRun, count: int) -> list[tuple[Card, Card]]:
    """Show training faces before and after the augmentation of the first epoch."""
    rows = task.faces.sample_rows("train", count)
    augmented = task.faces.augmented(rows, model.augment, seed=model.info.seed)
    return [
        (
            Card(_annotated_picture(task, before, "Original training face"), before.name),
            Card(_annotated_picture(task, after, "Augmented training face"), "augmented"),
        )
        for before, after in zip(task.faces.inputs(rows), augmented, strict=True)
    ]


def prediction_cards(task: TaskRun, model: ModelRun, positions: Iterable[int]) -> list[Card]:
    """Show validation faces with annotated and predicted landmarks, and their errors.

    Args:
        task: Task of the model.
        model: Model that predicts.
        positions: Positions among the validation faces.
    """
    positions = list(positions)
    faces = task.faces.inputs(task.faces.rows("validation")[positions])
    cards = []
    for face, position in zip(faces, positions, strict=True):
        error = model.errors.iloc[position]
        caption = f"{error['mae_px']:.1f} px, NME {percent(error['nme'])}"
        alt = f"Validation face {face.name}, annotated and predicted by {model.name}: {caption}"
        predicted = apply_map(face.photo_to_input, model.validation.landmarks_photo[position])
        target = face.landmarks_input[task.points]
        picture = face_picture(face.image, alt=alt, target=target, predicted=predicted)
        cards.append(Card(picture, caption))
    return cards


def _summarize_training(model: ModelRun) -> Training:
    history = model.history
    losses = history[["train_mse", "val_mse"]].to_numpy()
    return Training(
        all_epochs=_loss_chart(model, skipped=0),
        later_epochs=_loss_chart(model, skipped=1) if len(history) > 2 else None,
        n_epochs=len(history),
        first=(losses[0, 0], losses[0, 1]),
        last=(losses[-1, 0], losses[-1, 1]),
        best_epoch=int(history["epoch"].iloc[losses[:, 1].argmin()]),
        best=losses[:, 1].min(),
    )


def _loss_chart(model: ModelRun, *, skipped: int) -> Markup:
    history = model.history.iloc[skipped:]
    epoch = history["epoch"].to_numpy()
    lines = [
        Series("training", epoch, 1000 * history["train_mse"].to_numpy()),
        Series("validation", epoch, 1000 * history["val_mse"].to_numpy()),
    ]
    epochs = "all epochs" if not skipped else "without the first epoch"
    last = " and ".join(f"{line.label} {line.y[-1]:.3g}" for line in lines)
    return line_chart(
        lines,
        alt=f"Loss curves of {model.name}, {epochs}; at the end, in thousandths: {last}",
        x_label="epoch",
        y_label="mean squared error × 1000",
    )


def _annotated_picture(task: TaskRun, face: InputFace, label: str) -> Markup:
    points = face.landmarks_input[task.points]
    known = int(np.isfinite(points).all(axis=1).sum())
    landmarks = f"{known} annotated landmarks" if len(points) > 1 else "its annotated nose tip"
    return face_picture(face.image, alt=f"{label} {face.name} with {landmarks}", target=points)
