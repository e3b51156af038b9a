"""Settings that all models share; each architecture adds its own."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field

from keypoints.config.base import Probability, Seed, Settings
from keypoints.core.paths import WEIGHTS


class SizePhase(Settings):
    """A training phase on smaller inputs, with its own learning-rate schedule and cooldown."""

    height: Annotated[int, Field(ge=8, le=2048)]  # px; the width is scaled in proportion
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    lr_scale: Annotated[float, Field(gt=0)]  # factor of the learning rate of all models


class ModelSettings(Settings):
    """Settings of every model, for any architecture."""

    task: str
    architecture: str  # package of `keypoints.architectures`
    seed: Seed | None = None  # replaces the seed of all models
    max_train_groups: Annotated[int, Field(ge=1)] | None = None  # persons, or photos; None: all
    sizes: list[SizePhase] = []  # progressive resizing, before the `epochs` at full size
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    lr_scale: Annotated[float, Field(gt=0)]  # factor of the learning rate of all models
    decay_fraction: Probability  # of the epochs, at the end, over which the learning rate falls
    loss: str  # elementwise, on landmarks in 0..1 of the input
    tangent_weight: Probability = 1.0  # of errors along contours relative to errors across them
    teacher: str | None = None  # model file whose predictions are a second target
    distill_weight: Probability = 0.5  # of the teacher's predictions relative to the labels
    mean: list[Annotated[float, Field(ge=0, le=1)]]
    std: list[Annotated[float, Field(gt=0)]]
    augment: str  # name of a preset
    optim: str  # name of a preset


class BackboneSettings(ModelSettings):
    """Settings of a model with a timm backbone.

    Training starts from the weights that `pretrained` names if `init` is data/weights/MODEL, or
    from another model if `init` is models/OTHER.safetensors.
    """

    backbone: str  # name of a timm model, with or without the tag of its weights
    pretrained: bool | str  # True: timm's weights | False: random | the name of a weights file
    pad_type: Literal["same"] | None  # same: for weights made with TensorFlow's padding
    init: str = WEIGHTS.as_posix()

    @property
    def init_model(self) -> str | None:
        """Name of the model that training starts from; None: `pretrained` decides."""
        init = PurePosixPath(self.init)
        return None if init.is_relative_to(WEIGHTS.as_posix()) else init.stem
