"""Section of a task with one landmark: the first network, and its variants."""

from keypoints.report.components import model_cards, prediction_cards, sample_cards
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

N_SAMPLES, N_COMPARED = 8, 3


def nose_section(task: TaskRun) -> Section:
    """Describe the first model of the task and compare the others with it."""
    first = task.models[0]
    body = render(
        "nose.html",
        task=task,
        shown=model_cards(task, first),
        samples=sample_cards(task, N_SAMPLES),
        variants=[_variant(task, first, model) for model in task.models],
        n_compared=min(N_COMPARED, len(first.errors)),
    )
    return Section(f"task-{task.name}", "The nose tip", body)


def _variant(task: TaskRun, first: ModelRun, model: ModelRun) -> dict[str, object]:
    """A model in relation to the first one, with the faces on which the first one is best."""
    return {
        "model": model,
        "difference": _difference(first, model),
        "parameters": model.n_parameters / first.n_parameters,
        "mse": model.scores["mse"] / first.scores["mse"],
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
