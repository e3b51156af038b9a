"""params.yaml as checked, typed settings.

An unknown key, a wrong type or a value out of range is an error that says the way out.
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from keypoints.layout import RAW
from keypoints.setting_errors import SettingsError, explain_all
from keypoints.settings_file import read_settings_file

PARAMS_FILE = Path("params.yaml")

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(gt=0, le=0.5)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Chance = Annotated[float, Field(ge=0, le=1)]
Difficulty = Annotated[float, Field(ge=0, le=2)]
ItemName = Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$")]


class Settings(BaseModel):
    """A block of settings: numbers stay numbers, unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Packed(Settings):
    """How much may come out of an archive."""

    max_unpacked_gb: Annotated[float, Field(gt=0)]

    @property
    def max_bytes(self) -> int:
        """The same in bytes."""
        return int(self.max_unpacked_gb * 1e9)


class Archive(Packed):
    """A public archive and, where it is known, its digest."""

    urls: Annotated[list[str], Field(min_length=1)]
    sha256: Sha256 | None


class IbugArchive(Archive):
    """The public archive of iBUG, and whose test list is taken."""

    test_list: Literal["archive", "kaggle"]


class Kaggle15Archive(Packed):
    """The archive of a competition's files, which takes an account."""

    source: Literal["rendered", "kaggle"]
    competition: str
    sha256: Sha256 | None


class Downloads(Settings):
    """The archive of each data set."""

    imm: Archive
    ibug: IbugArchive
    kaggle15: Kaggle15Archive


class RenderedImm(Settings):
    """Faces of the IMM layout, drawn when `source` is `rendered`."""

    seed: Seed
    people: Annotated[int, Field(ge=5, le=99)]
    difficulty: Difficulty


class RenderedIbug(Settings):
    """Faces of the iBUG layout, drawn when `source` is `rendered`."""

    seed: Seed
    photos: Annotated[int, Field(ge=20)]
    test_photos: Annotated[int, Field(ge=1)]
    difficulty: Difficulty


class RenderedKaggle15(Settings):
    """Faces of facial-keypoints-detection, drawn unless they come from Kaggle."""

    seed: Seed
    faces: Annotated[int, Field(ge=20)]
    test_faces: Annotated[int, Field(ge=1)]
    difficulty: Difficulty


class Rendered(Settings):
    """What is drawn for each data set."""

    imm: RenderedImm
    ibug: RenderedIbug
    kaggle15: RenderedKaggle15


class Validation(Settings):
    """Share of each set that is held out."""

    imm: Share
    ibug: Share
    kaggle15: Share


class Task(Settings):
    """What is predicted from which cut of which photos; lengths in px of the network's input."""

    dataset: Literal["imm", "ibug", "kaggle15"]
    points: Literal["nose_tip", "all"]
    height: Annotated[int, Field(ge=8, le=2048)]
    width: Annotated[int, Field(ge=8, le=2048)]
    colour: bool
    margin: Annotated[int, Field(ge=0, le=512)]
    enlarge: Annotated[float, Field(ge=1, le=4)] | None

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return 3 if self.colour else 1

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input, px."""
        return self.height, self.width


class Augment(Settings):
    """The largest draw of each kind; 0 switches a kind off, and so does leaving it out."""

    shift: Annotated[float, Field(ge=0)]
    rotation: Annotated[float, Field(ge=0, le=180)]
    brightness: Annotated[float, Field(ge=0, le=1)]
    saturation: Annotated[float, Field(ge=0, le=1)]
    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.0
    blur: Annotated[float, Field(ge=0, le=10)] = 0.0
    mirror: Chance = 0.0
    grey: Chance = 0.0
    occlusion: Chance = 0.0
    calm: Chance = 0.0

    @property
    def is_off(self) -> bool:
        """Whether no draw changes anything."""
        return not any(strength for name, strength in self if name != "calm")

    def in_epoch(self, epoch: int, epochs: int) -> "Augment":
        """The draws of an epoch: half as strong and half as likely in the calm share at the end.

        Only the mirror stays as it is: a mirrored face is as true as any.
        """
        if epoch <= round(epochs * (1 - self.calm)):
            return self
        kept = {"mirror": self.mirror, "calm": self.calm}
        return Augment(**{name: strength / 2 for name, strength in self} | kept)


class Recipe(Settings):
    """How the weights move; left out, it is the write-up's way: Adam, and nothing else."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup: Chance = 0.0
    cosine: bool = False
    clip: Annotated[float, Field(gt=0)] | None = None
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    backbone_lr: Annotated[float, Field(gt=0, le=1)] = 1.0


class Model(Settings):
    """What every model has, whatever its architecture."""

    task: str
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    lr_scale: Annotated[float, Field(gt=0)]
    lr_decay: Annotated[float, Field(ge=0, le=1)]
    loss: Literal["mse", "l1", "smooth_l1", "wing"]
    mean: list[Annotated[float, Field(ge=0, le=1)]]
    std: list[Annotated[float, Field(gt=0)]]
    augment: Augment
    recipe: Recipe = Recipe()


class NoseNetModel(Model):
    """Three convolutions and two fully connected layers."""

    architecture: Literal["nose_net"]
    channels: Annotated[int, Field(ge=1, le=1024)]
    hidden: Annotated[int, Field(ge=1, le=16_384)]
    kernels: Annotated[list[Literal[1, 3, 5, 7, 9, 11]], Field(min_length=3, max_length=3)]


class FaceNetModel(Model):
    """Six convolutions and three fully connected layers."""

    architecture: Literal["face_net"]


class OnBackbone(Model):
    """A model that stands on a backbone of timm."""

    backbone: str
    pretrained: bool | str
    pad_type: Literal["same"] | None


class BackboneModel(OnBackbone):
    """A timm backbone with one linear layer for the points."""

    architecture: Literal["timm_backbone"]


class HeatmapModel(OnBackbone):
    """A timm backbone, a feature pyramid, and a heat map for each point."""

    architecture: Literal["heatmap_net"]
    channels: Annotated[int, Field(ge=8, le=512)]


AnyModel = Annotated[
    NoseNetModel | FaceNetModel | BackboneModel | HeatmapModel,
    Field(discriminator="architecture"),
]


class AtTest(Settings):
    """How a trained model predicts a face: left out, once, in the box that it was given."""

    scales: Annotated[list[Annotated[float, Field(ge=0.5, le=2)]], Field(min_length=1)] = [1.0]
    mirror: bool = False


class Ensemble(Settings):
    """Models of one data set whose predictions are put together."""

    how: Literal["mean", "median"]
    members: Annotated[list[str], Field(min_length=1)]
    calibrated: bool = False


class Params(Settings):
    """The whole of params.yaml, or of one that names another as its base."""

    base: str | None = None
    seed: Seed
    lr: Annotated[float, Field(gt=0)]
    source: Literal["rendered", "public"]
    mirror: str | None
    device: Literal["auto", "cpu", "cuda", "mps"]
    competition: str
    downloads: Downloads
    rendered: Rendered
    validation: Validation
    tasks: Annotated[dict[ItemName, Task], Field(min_length=1)]
    models: Annotated[dict[ItemName, AnyModel], Field(min_length=1)]
    at_test: dict[ItemName, AtTest] = {}
    ensembles: dict[ItemName, Ensemble] = {}

    @field_validator("tasks")
    @classmethod
    def _whole_frames_have_no_box_and_no_margin(cls, tasks: dict[str, Task]) -> dict[str, Task]:
        for name, task in tasks.items():
            if task.dataset != "ibug" and task.enlarge is not None:
                raise ValueError(
                    f"{name}.enlarge must be null for dataset {task.dataset}, whose faces have no "
                    f"boxes; got {task.enlarge}"
                )
            if task.enlarge is None and task.margin:
                raise ValueError(
                    f"{name}.margin must be 0 where enlarge is null (a whole frame has nothing "
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

    def raw(self, dataset: str) -> Path:
        """Where a data set lies: beside the settings that say how it is fetched."""
        return Path(self.base or "").parent / RAW / dataset

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

    def model(self, name: str) -> AnyModel:
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
        problems = explain_all(error.errors(), file.values, _blocks(Settings), file.file_of)
        raise SettingsError(problems) from error


def _blocks(base: type[Settings]) -> list[type[Settings]]:
    direct = base.__subclasses__()
    return direct + [block for child in direct for block in _blocks(child)]
