"""Elements that several sections show: face images, loss curves, layers."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from keypoints.core.geometry import apply_map
from keypoints.report.charts import Series, line_chart
from keypoints.report.layers import list_layers
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


def model_cards(task: TaskRun, model: ModelRun) -> dict[str, object]:
    """The elements that the section of every task shows of its main model."""
    count = min(_N_PREDICTED, len(model.errors) // 2)
    order = model.by_error
    return {
        "model": model,
        "layers": list_layers(model.network, task.settings.channels, task.settings.input_size),
        "training": _summarize_training(model),
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
            _annotated_card(task, before, "Original training face", before.name),
            _annotated_card(task, after, "Augmented training face", "augmented"),
        )
        for before, after in zip(task.faces.inputs(rows), augmented, strict=True)
    ]


def prediction_cards(task: TaskRun, model: ModelRun, positions: np.ndarray) -> list[Card]:
    """Show annotated and predicted landmarks, and errors, of some of the validation faces."""
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


def _annotated_card(task: TaskRun, face: InputFace, label: str, caption: str) -> Card:
    points = face.landmarks_input[task.points]
    known = int(np.isfinite(points).all(axis=1).sum())
    landmarks = f"{known} annotated landmarks" if len(points) > 1 else "its annotated nose tip"
    alt = f"{label} {face.name} with {landmarks}"
    return Card(face_picture(face.image, alt=alt, target=points), caption)


def _summarize_training(model: ModelRun) -> dict[str, object]:
    """Loss curves, and train_mse and val_mse of the first and of the last epoch."""
    losses = model.history[["train_mse", "val_mse"]].to_numpy()
    best = losses[:, 1].argmin()
    return {
        "all_epochs": _loss_chart(model, skipped=0),
        "later_epochs": _loss_chart(model, skipped=1) if len(losses) > 2 else None,
        "n_epochs": len(losses),
        "first": losses[0],
        "last": losses[-1],
        "best": losses[best, 1],
        "best_epoch": model.history["epoch"].iloc[best],
    }


def _loss_chart(model: ModelRun, *, skipped: int) -> Markup:
    history = model.history.iloc[skipped:]
    lines = [
        Series(label, history["epoch"].to_numpy(), 1000 * history[column].to_numpy())
        for label, column in (("training", "train_mse"), ("validation", "val_mse"))
    ]
    epochs = "all epochs" if not skipped else "without the first epoch"
    last = " and ".join(f"{line.label} {line.y[-1]:.3g}" for line in lines)
    return line_chart(
        lines,
        alt=f"Loss curves of {model.name}, {epochs}; at the end, in thousandths: {last}",
        x_label="epoch",
        y_label="mean squared error × 1000",
    )
