"""params.yaml as checked, typed settings.

An unknown key, a wrong type or a value out of range is an error that says the way out.
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from keypoints.config.base import Seed, Settings
from keypoints.config.data import Downloads, Rendered, Task, Validation
from keypoints.config.messages import SettingsError, format_errors
from keypoints.config.models import BackboneSettings, Ensemble, ModelSettings, TestTimeAugmentation
from keypoints.config.yaml_file import read_settings_file
from keypoints.core.paths import RAW, WEIGHTS, model_file

PARAMS_FILE = Path("params.yaml")

ItemName = Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$")]


class Params(Settings):
    """The whole of params.yaml, or of one that names another as its base."""

    base: str | None = None
    seed: Seed
    lr: Annotated[float, Field(gt=0)]
    source: Literal["rendered", "public"]
    mirror: str | None
    device: Literal["auto", "cpu", "cuda", "mps"]
    compile: bool
    processes: Annotated[int, Field(ge=1, le=64)]
    competition: str
    downloads: Downloads
    rendered: Rendered
    validation: Validation
    tasks: Annotated[dict[ItemName, Task], Field(min_length=1)]
    models: Annotated[dict[ItemName, ModelSettings], Field(min_length=1)]
    at_test: dict[ItemName, TestTimeAugmentation] = {}
    ensembles: dict[ItemName, Ensemble] = {}

    @field_validator("tasks")
    @classmethod
    def _whole_frames_have_no_box_and_no_margin(cls, tasks: dict[str, Task]) -> dict[str, Task]:
        for name, task in tasks.items():
            if task.dataset != "ibug" and task.box_scale is not None:
                raise ValueError(
                    f"{name}.box_scale must be null for dataset {task.dataset}, whose faces have no "
                    f"boxes; got {task.box_scale}"
                )
            if task.box_scale is None and task.margin:
                raise ValueError(
                    f"{name}.margin must be 0 where box_scale is null (a whole frame has nothing "
                    f"around it); got {task.margin}"
                )
        return tasks

    @model_validator(mode="after")
    def _models_fit_their_tasks(self) -> "Params":
        for name, model in self.models.items():
            if model.task not in self.tasks:
                raise ValueError(
                    f"models.{name}.task must be one of {', '.join(self.tasks)}; got {model.task!r}"
                )
            channels = self.tasks[model.task].channels
            for key, values in (("mean", model.mean), ("std", model.std)):
                if len(values) != channels:
                    raise ValueError(
                        f"models.{name}.{key} must have {channels} number(s), one per channel of "
                        f"task {model.task}; got {values}"
                    )
        return self

    @model_validator(mode="after")
    def _models_go_on_from_others(self) -> "Params":
        for name, model in self.models.items():
            if not isinstance(model, BackboneSettings):
                continue
            own = [WEIGHTS.as_posix(), (WEIGHTS / name).as_posix()]
            others = [model_file(other).as_posix() for other in self.models if other != name]
            if model.init not in own + others:
                raise ValueError(
                    f"models.{name}.start should be {own[1]} or a model's file, one of "
                    f"{', '.join(others)}; got {model.init!r}"
                )
            if model.init_model is None:
                continue
            if model.teacher is not None:
                raise ValueError(
                    f"models.{name}.teacher must be null, since it starts from {model.init}; only "
                    f"models that start from {WEIGHTS} can be taught; got {model.teacher!r}"
                )
            if model.pretrained is not False:
                raise ValueError(
                    f"models.{name}.pretrained must be false, since it starts from {model.init}; "
                    f"got {model.pretrained!r}"
                )
        return self

    @model_validator(mode="after")
    def _ensembles_are_of_models_that_predict_the_same(self) -> "Params":
        for name in self.at_test:
            if name not in self.models:
                raise ValueError(f"at_test.{name} should be one of {', '.join(self.models)}")
        for name, ensemble in self.ensembles.items():
            if name in self.models:
                raise ValueError(f"ensembles.{name} has the name of a model; choose another one")
            unknown = set(ensemble.members) - set(self.models)
            if unknown or len(set(ensemble.members)) < len(ensemble.members):
                raise ValueError(
                    f"ensembles.{name}.members should be different ones of "
                    f"{', '.join(self.models)}; got {ensemble.members}"
                )
            tasks = [self.tasks[self.models[member].task] for member in ensemble.members]
            if len({(task.dataset, task.points) for task in tasks}) > 1:
                raise ValueError(
                    f"ensembles.{name}.members should predict the same points of one data set; "
                    f"got {ensemble.members}"
                )
        return self

    @model_validator(mode="after")
    def _addresses_hold_no_credentials(self) -> "Params":
        downloads = self.downloads
        for key, addresses in (
            ("mirror", [self.mirror or ""]),
            ("downloads.imm.urls", downloads.imm.urls),
            ("downloads.ibug.urls", downloads.ibug.urls),
        ):
            try:
                hosts = [urlsplit(address).netloc for address in addresses]
            except ValueError as error:
                raise ValueError(f"{key} has an address that none can be: {error}") from error
            if any("@" in host for host in hosts):
                raise ValueError(
                    f"{key} must hold no user name and no password: git, dvc.lock and experiments "
                    "would keep them; put them into ~/.netrc, which is asked for each host"
                )
        return self

    def raw(self, dataset: str) -> Path:
        """Where a data set lies: beside the settings that say how it is fetched."""
        return Path(self.base or "").parent / RAW / dataset

    def model(self, name: str) -> ModelSettings:
        """The settings of one model.

        Raises:
            SettingsError: If params.yaml has no such model.
        """
        if name not in self.models:
            raise SettingsError(f"models has no {name!r}; it has {', '.join(self.models)}")
        return self.models[name]

    def ensemble(self, name: str) -> Ensemble:
        """The settings of one ensemble.

        Raises:
            SettingsError: If params.yaml has no such ensemble.
        """
        if name not in self.ensembles:
            known = ", ".join(self.ensembles) or "none"
            raise SettingsError(f"ensembles has no {name!r}; it has {known}")
        return self.ensembles[name]

    def task(self, name: str) -> Task:
        """The settings of one task.

        Raises:
            SettingsError: If params.yaml has no such task.
        """
        if name not in self.tasks:
            raise SettingsError(f"tasks has no {name!r}; it has {', '.join(self.tasks)}")
        return self.tasks[name]


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check the settings; those of its base hold for what a file does not name.

    Raises:
        SettingsError: If the file is missing, is not YAML, or a setting is wrong.
    """
    file = read_settings_file(path)
    try:
        return Params.model_validate(file.values)
    except ValidationError as error:
        problems = format_errors(error.errors(), file.values, _blocks(Settings), file.source_of)
        raise SettingsError(problems) from error


def _blocks(base: type[Settings]) -> list[type[Settings]]:
    direct = base.__subclasses__()
    return direct + [block for child in direct for block in _blocks(child)]
