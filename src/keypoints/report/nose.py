"""The section of a task that looks for one point: its network, and what variants of it cost."""

from dataclasses import dataclass

from keypoints.report.components import (
    Card,
    good_and_bad,
    network_of,
    prediction_cards,
    samples,
    training_of,
)
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

SAMPLES, JUDGED, COMPARED = 8, 4, 3


@dataclass(frozen=True)
class Variant:
    """A network beside the first one of its task.

    Attributes:
        model: The network.
        setting: What differs from the first one.
        weights: Its weights over those of the first one.
        mse: Its error over that of the first one.
        cards: The faces that the first one is good at.
    """

    model: ModelRun
    setting: str
    weights: float
    mse: float
    cards: list[Card]


def nose_section(task: TaskRun) -> Section:
    """Tell of the first model of the task, then compare the others with it."""
    first = task.models[0]
    good, bad = good_and_bad(task, first, JUDGED)
    body = render(
        "nose.html",
        task=task,
        first=first,
        samples=samples(task, SAMPLES),
        layers=network_of(task, first),
        training=training_of(first),
        good=good,
        bad=bad,
        variants=[_variant(task, first, model) for model in task.models],
        n_compared=min(COMPARED, len(first.errors)),
    )
    return Section(f"task-{task.name}", "The nose tip", body)


def _variant(task: TaskRun, first: ModelRun, model: ModelRun) -> Variant:
    return Variant(
        model=model,
        setting=_setting(first, model),
        weights=model.n_weights / first.n_weights,
        mse=model.scores["mse"] / first.scores["mse"],
        cards=prediction_cards(task, model, first.by_error[:COMPARED]),
    )


def _setting(first: ModelRun, model: ModelRun) -> str:
    """The settings in which a model differs from the first one, in words."""
    if model is first:
        return "the network above"
    own, others = (run.settings.model.model_dump() for run in (model, first))
    changed = {key: value for key, value in own.items() if others.get(key) != value}
    return "; ".join(f"{key} {_plain(value)}" for key, value in changed.items()) or "nothing"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
