"""Reads and checks the settings of a training."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from keypoints.config.base import Seed
from keypoints.config.messages import join_names
from keypoints.config.params import Params
from keypoints.core.paths import WEIGHTS, model_file
from keypoints.crops.augment import Augment
from keypoints.crops.format import Task
from keypoints.models.build import read_model_settings
from keypoints.models.checkpoint import ModelInfo
from keypoints.models.settings import BackboneSettings, ModelSettings
from keypoints.training.folds import Fold, parse_fold
from keypoints.training.losses import ELEMENTWISE_LOSSES
from keypoints.training.optim import OptimSettings


@dataclass(frozen=True)
class TrainSettings:
    """The settings that determine the weights of a model."""

    name: str  # of the run: the model, or the model without a fold, such as `nose_net.2of5`
    base: str  # name of the model
    fold: Fold | None  # held out; None: the validation faces are
    model: ModelSettings
    task: Task
    augment: Augment
    optim: OptimSettings
    seed: int
    lr: float  # of all models

    def info(self, scheme: str) -> ModelInfo:
        """Create the metadata of the model file, given the name of the landmark scheme."""
        return ModelInfo(
            name=self.name,
            seed=self.seed,
            lr=self.lr * self.model.lr_scale,
            scheme=scheme,
            model=self.model,
            task=self.task,
            augment=self.augment.model_dump(),
            optim=self.optim.model_dump(),
        )


def read_train_settings(params: Params, name: str) -> TrainSettings:
    """Read and check the settings of a model, or of one without a fold, such as `nose_net.2of5`.

    Raises:
        PipelineError: If the text after the dot does not name a fold.
        SettingsError: If a setting breaks a rule.
    """
    base, fold = parse_fold(name)
    model = read_model_settings(params, base)
    key = f"models.{base}"
    choices = {
        "task": params.names("tasks"),
        "loss": list(ELEMENTWISE_LOSSES),
        "augment": params.names("augment"),
        "optim": params.names("optim"),
    }
    for setting, names in choices.items():
        value = getattr(model, setting)
        if value not in names:
            rule = f"must be one of {join_names(names) or 'none'}"
            raise params.error(f"{key}.{setting}", f"{rule}; got {value!r}")
    task: Task = params.entry("tasks", model.task, Task)
    _check_task(params, key, model, task)
    if isinstance(model, BackboneSettings):
        _check_init(params, base, model)
    seed: int = params.read("seed", Seed)
    return TrainSettings(
        name=name,
        base=base,
        fold=fold,
        model=model,
        task=task,
        augment=params.entry("augment", model.augment, Augment),
        optim=params.entry("optim", model.optim, OptimSettings),
        seed=seed if model.seed is None else model.seed,
        lr=params.read("lr", Annotated[float, Field(gt=0)]),
    )


def _check_task(params: Params, key: str, model: ModelSettings, task: Task) -> None:
    for name, values in (("mean", model.mean), ("std", model.std)):
        if len(values) != task.channels:
            rule = f"must have {task.channels} number(s), one per channel of task {model.task}"
            raise params.error(f"{key}.{name}", f"{rule}; got {values}")
    for number, size in enumerate(model.sizes):
        if size.height > task.height:
            rule = f"must be at most {task.height}, the height of task {model.task}"
            raise params.error(f"{key}.sizes.{number}.height", f"{rule}; got {size.height}")


def _check_init(params: Params, name: str, model: BackboneSettings) -> None:
    key = f"models.{name}"
    own = [WEIGHTS.as_posix(), (WEIGHTS / name).as_posix()]
    others = [model_file(other).as_posix() for other in params.names("models") if other != name]
    if model.init not in own + others:
        raise params.error(
            f"{key}.init",
            f"must be {own[1]} or the file of another model, one of {join_names(others)}; "
            f"got {model.init!r}",
        )
    if model.init_model is None:
        return
    if model.teacher is not None:
        raise params.error(
            f"{key}.teacher",
            f"must be null, because the model starts from {model.init}; only models that start "
            f"from {WEIGHTS} can have a teacher; got {model.teacher!r}",
        )
    if model.pretrained is not False:
        raise params.error(
            f"{key}.pretrained",
            f"must be false, because the model starts from {model.init}; got {model.pretrained!r}",
        )
