"""Reads and checks the settings of a training, and finds its initial weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from keypoints.config.base import Seed
from keypoints.config.messages import join_names
from keypoints.config.params import Params
from keypoints.core.errors import PipelineError
from keypoints.core.paths import WEIGHTS, model_file
from keypoints.core.weights_folder import find_weights
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
        SettingsError: If a setting is invalid.
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
        rule = f"must be {own[1]} or the file of another model, one of {join_names(others)}"
        raise params.error(f"{key}.init", f"{rule}; got {model.init!r}")
    reason = f"because the model starts from {model.init}"
    if model.init_model and model.teacher is not None:
        raise params.error(
            f"{key}.teacher",
            f"must be null, {reason}; only models that start from {WEIGHTS} can have a teacher; "
            f"got {model.teacher!r}",
        )
    if model.init_model and model.pretrained is not False:
        got = f"got {model.pretrained!r}"
        raise params.error(f"{key}.pretrained", f"must be false, {reason}; {got}")


def find_initial_weights(
    name: str, model: ModelSettings, fold: Fold | None
) -> tuple[Path | None, Path]:
    """Find the initial weights: their file (None: random), and the path that determines them.

    Raises:
        PipelineError: If a fold is held out, but the model starts or learns from a model that may
            have been trained on it.
    """
    if fold and model.teacher:
        raise PipelineError(
            f"{name}: its teacher {model.teacher} may have been trained on every fold; set "
            "teacher: null to cross-validate it"
        )
    if isinstance(model, BackboneSettings) and model.init_model:
        if fold:
            raise PipelineError(
                f"{name}: it starts from {model.init_model}, which was trained on every fold; only "
                f"a model with init: {WEIGHTS / name} can be cross-validated"
            )
        return Path(model.init), Path(model.init)
    return find_weights(WEIGHTS / name), WEIGHTS / name
