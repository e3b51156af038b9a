"""Settings of the models: their networks, how they are trained, and how they predict."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator

from keypoints.config.base import Probability, Seed, Settings
from keypoints.core.paths import WEIGHTS


class Augment(Settings):
    """The largest draw of each kind; 0 switches a kind off, and so does leaving it out."""

    translate: Annotated[float, Field(ge=0)]
    rotation: Annotated[float, Field(ge=0, le=180)]
    brightness: Annotated[float, Field(ge=0, le=1)]
    saturation: Annotated[float, Field(ge=0, le=1)]
    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.0
    blur: Annotated[float, Field(ge=0, le=10)] = 0.0
    hflip: Probability = 0.0
    grayscale: Probability = 0.0
    erase: Probability = 0.0
    cooldown: Probability = 0.0

    @property
    def is_identity(self) -> bool:
        """Whether no draw changes anything."""
        return not any(strength for name, strength in self if name != "calm")

    def at_epoch(self, epoch: int, epochs: int) -> "Augment":
        """The draws of an epoch: half as strong and half as likely in the calm share at the end.

        Only the mirror stays as it is: a mirrored face is as true as any.
        """
        if epoch <= round(epochs * (1 - self.cooldown)):
            return self
        kept = {"mirror": self.hflip, "calm": self.cooldown}
        return Augment(**{name: strength / 2 for name, strength in self} | kept)


class OptimSettings(Settings):
    """How the weights move; left out, it is the write-up's way: Adam, and nothing else."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup: Probability = 0.0
    cosine: bool = False
    clip_grad: Annotated[float, Field(gt=0)] | None = None
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    backbone_lr_scale: Annotated[float, Field(gt=0, le=1)] = 1.0


class Model(Settings):
    """What every model has, whatever its architecture."""

    task: str
    seed: Seed | None = None  # None: that of all models
    max_train_groups: Annotated[int, Field(ge=1)] | None = None  # None: all persons, or photos
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    lr_scale: Annotated[float, Field(gt=0)]
    decay_fraction: Annotated[float, Field(ge=0, le=1)]
    loss: Literal["mse", "l1", "smooth_l1", "wing"]
    tangent_weight: Probability = 1.0
    size_weight: Probability = 0.0
    teacher: str | None = None
    distill_weight: Probability = 0.5
    mean: list[Annotated[float, Field(ge=0, le=1)]]
    std: list[Annotated[float, Field(gt=0)]]
    augment: Augment
    recipe: OptimSettings = OptimSettings()


class NoseNetModel(Model):
    """Three convolutions and two fully connected layers."""

    architecture: Literal["nose_net"]
    channels: Annotated[int, Field(ge=1, le=1024)]
    hidden_features: Annotated[int, Field(ge=1, le=16_384)]
    kernel_sizes: Annotated[list[Literal[1, 3, 5, 7, 9, 11]], Field(min_length=3, max_length=3)]


class FaceNetModel(Model):
    """Six convolutions and three fully connected layers."""

    architecture: Literal["face_net"]


class BackboneSettings(Model):
    """A model that stands on a backbone of timm."""

    backbone: str
    pretrained: bool | str
    pad_type: Literal["same"] | None
    init: str = WEIGHTS.as_posix()

    @property
    def init_model(self) -> str | None:
        """The model whose trained weights are this one's first; None: `pretrained` says which."""
        start = PurePosixPath(self.init)
        return None if start.is_relative_to(WEIGHTS.as_posix()) else start.stem


class RegressionSettings(BackboneSettings):
    """A timm backbone with one linear layer for the points."""

    architecture: Literal["timm_backbone"]


class HeatmapModel(BackboneSettings):
    """A timm backbone, a feature pyramid, and a heat map for each point."""

    architecture: Literal["heatmap_net"]
    channels: Annotated[int, Field(ge=8, le=512)]
    separable_convs: bool = True
    blur_pool: bool = False
    heatmap_loss: Literal["divergence", "adaptive_wing"] | None = None
    heatmap_loss_weight: Annotated[float, Field(gt=0)] = 1.0
    heatmap_sigma: Annotated[float, Field(gt=0, le=100)] = 1.0


class PipModel(BackboneSettings):
    """A timm backbone, and a coarse grid with scores and offsets of points and neighbours."""

    architecture: Literal["pip_net"]
    stride: Literal[4, 8, 16, 32]
    neighbours: Annotated[int, Field(ge=0, le=100)]
    score_weight: Annotated[float, Field(gt=0)] = 1.0
    blur_pool: bool = False

    @field_validator("tangent_weight")
    @classmethod
    def _contours_do_not_count(cls, tangent_weight: float) -> float:
        if tangent_weight != 1:
            raise ValueError(
                f"must be 1 for pip_net, which knows no contours; got {tangent_weight}"
            )
        return tangent_weight


ModelSettings = Annotated[
    NoseNetModel | FaceNetModel | RegressionSettings | HeatmapModel | PipModel,
    Field(discriminator="architecture"),
]


class TestTimeAugmentation(Settings):
    """How a trained model predicts a face: left out, once, in the box that it was given."""

    scales: Annotated[list[Annotated[float, Field(ge=0.5, le=2)]], Field(min_length=1)] = [1.0]
    flip: bool = False


class Ensemble(Settings):
    """Models of one data set whose predictions are put together."""

    reduce: Literal["mean", "median"]
    members: Annotated[list[str], Field(min_length=1)]
    calibrated: bool | Literal["oof"] = False
