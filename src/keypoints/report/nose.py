"""Section of a task with one landmark: the first network, reasons for its errors, its variants."""

import numpy as np
from numpy.typing import NDArray

from keypoints.report.analysis import pitch_proxy, yaw_proxy
from keypoints.report.components import model_cards, prediction_cards, sample_cards
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

N_SAMPLES, N_PREDICTED, N_COMPARED = 8, 4, 3
USUAL = "frontal, near the centre"
_UNUSUAL = 2 / 3  # quantile of the training faces beyond which a property is unusual


def nose_section(task: TaskRun) -> Section:
    """Describe the first model of the task and compare the others with it."""
    first = task.models[0]
    properties = unusual_properties(task)
    count = min(N_PREDICTED, len(first.by_error) // 2)
    reasons = _reasons(properties, len(first.errors))
    best, worst = first.by_error[:count], first.by_error[::-1][:count]
    body = render(
        "nose.html",
        task=task,
        shown=model_cards(task, first),
        samples=sample_cards(task, N_SAMPLES),
        best=prediction_cards(task, first, best, notes=reasons[best]),
        worst=prediction_cards(task, first, worst, notes=reasons[worst]),
        n_usual=[int((reasons[faces] == USUAL).sum()) for faces in (best, worst)],
        groups=_errors_by_property(properties, reasons == USUAL, first),
        variants=[_variant(task, first, model) for model in task.models],
        n_compared=min(N_COMPARED, len(first.by_error)),
    )
    return Section(f"task-{task.name}", "The nose tip", body)


def unusual_properties(task: TaskRun) -> dict[str, NDArray[np.bool_]]:
    """Properties that make a nose tip hard to find, and the validation faces that have them.

    A face is turned or off-centre if its value exceeds those of two thirds of the training
    faces, and looks up or down if it is among the outer sixths.
    """
    train, own = (
        np.array([face.landmarks_input for face in task.faces.inputs(task.faces.rows(split))])
        for split in ("train", "validation")
    )
    scheme = task.faces.scheme
    centre = train[:, scheme.nose_tip].mean(axis=0)
    turn, pitch = ([f(faces, scheme) for faces in (train, own)] for f in (yaw_proxy, pitch_proxy))
    offset = [np.linalg.norm(faces[:, scheme.nose_tip] - centre, axis=-1) for faces in (train, own)]
    tail = (1 - _UNUSUAL) / 2
    return {
        "turned": turn[1] > np.quantile(turn[0], _UNUSUAL),
        "off-centre": offset[1] > np.quantile(offset[0], _UNUSUAL),
        "looking up": pitch[1] < np.quantile(pitch[0], tail),
        "looking down": pitch[1] > np.quantile(pitch[0], 1 - tail),
    }


def _reasons(properties: dict[str, NDArray[np.bool_]], n_faces: int) -> NDArray[np.str_]:
    """The unusual properties of each validation face in words, (n_faces,)."""
    return np.array(
        [
            ", ".join(label for label, has in properties.items() if has[face]) or USUAL
            for face in range(n_faces)
        ]
    )


def _errors_by_property(
    properties: dict[str, NDArray[np.bool_]], is_usual: NDArray[np.bool_], model: ModelRun
) -> list[dict[str, object]]:
    """Number and mean error, px, of the validation faces with each property, if there are any."""
    errors = model.errors["mae_px"].to_numpy()
    return [
        {"label": label, "faces": int(has.sum()), "mae_px": float(errors[has].mean())}
        for label, has in {USUAL: is_usual, **properties}.items()
        if has.any()
    ]


def _variant(task: TaskRun, first: ModelRun, model: ModelRun) -> dict[str, object]:
    """A model in relation to the first one, with the faces on which the first one is best."""
    return {
        "model": model,
        "difference": _difference(first, model),
        "parameters": model.n_parameters / first.n_parameters,
        "mae": model.scores["mae_px"] / first.scores["mae_px"],
        "cards": prediction_cards(task, model, first.by_error[:N_COMPARED]),
    }


def _difference(first: ModelRun, model: ModelRun) -> str:
    """Settings of a model that differ from those of the first one."""
    if model is first:
        return "the network above"
    own, others = (run.info.model.model_dump() for run in (model, first))
    changed = {key: value for key, value in own.items() if others.get(key) != value}
    return "; ".join(f"{key} {_plain(value)}" for key, value in changed.items()) or "none"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
