"""Settings that all models share; each architecture adds its own."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field

from keypoints.config.base import Probability, Seed, Settings
from keypoints.core.paths import WEIGHTS


class SizePhase(Settings):
    """A training phase on inputs smaller than the task's.

    Attributes:
        height: Height of the input, px; its width is scaled in proportion.
        epochs: Number of epochs; the learning rate and the cooldown follow their schedules anew.
        lr_scale: Factor of the learning rate of all models, instead of the model's.
    """

    height: Annotated[int, Field(ge=8, le=2048)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    lr_scale: Annotated[float, Field(gt=0)]


class ModelSettings(Settings):
    """Settings of every model, whatever its architecture.

    Attributes:
        architecture: Package of `keypoints.architectures`.
        seed: Replaces the seed of all models.
        max_train_groups: Number of persons, or photos, to train on; None: all.
        sizes: Progressive resizing: phases on smaller inputs before the `epochs` at full size.
        decay_fraction: Fraction of the epochs, at the end, over which the learning rate falls.
        loss: Elementwise loss on landmarks in 0..1 of the input.
        tangent_weight: Weight of errors along contours relative to errors across them.
        teacher: Model file whose predictions are a second target.
        distill_weight: Weight of the teacher's predictions relative to the labels.
        augment: Name of a preset of `augment`.
        optim: Name of a preset of `optim`.
    """

    task: str
    architecture: str
    seed: Seed | None = None
    max_train_groups: Annotated[int, Field(ge=1)] | None = None
    sizes: list[SizePhase] = []
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    lr_scale: Annotated[float, Field(gt=0)]
    decay_fraction: Probability
    loss: str
    tangent_weight: Probability = 1.0
    teacher: str | None = None
    distill_weight: Probability = 0.5
    mean: list[Annotated[float, Field(ge=0, le=1)]]
    std: list[Annotated[float, Field(gt=0)]]
    augment: str
    optim: str


class BackboneSettings(ModelSettings):
    """Settings of a model with a timm backbone.

    Attributes:
        backbone: Name of a timm model, with or without the tag of its weights.
        pretrained: True: timm's weights | False: random | the name of a weights file.
        pad_type: `same` for weights made with TensorFlow's padding.
        init: data/weights/MODEL: the weights that `pretrained` names; or the file of another
            model, models/OTHER.safetensors, whose weights training starts from.
    """

    backbone: str
    pretrained: bool | str
    pad_type: Literal["same"] | None
    init: str = WEIGHTS.as_posix()

    @property
    def init_model(self) -> str | None:
        """Name of the model that training starts from; None: `pretrained` decides."""
        init = PurePosixPath(self.init)
        return None if init.is_relative_to(WEIGHTS.as_posix()) else init.stem
