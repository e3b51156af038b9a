"""Settings of a task, and the format of its stored crops."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from keypoints.config.base import Settings
from keypoints.core.geometry import compose, scaling, translation
from keypoints.core.landmarks import Scheme
from keypoints.core.types import Array


class Task(Settings):
    """Settings of a task; lengths in pixels of the network's input."""

    dataset: str
    points: Literal["nose_tip", "all"]
    height: Annotated[int, Field(ge=8, le=2048)]
    width: Annotated[int, Field(ge=8, le=2048)]
    colour: bool
    margin: Annotated[int, Field(ge=0, le=512)]
    box_scale: Annotated[float, Field(ge=1, le=4)] | None
    symmetric_labels: bool = False  # whether networks learn labels without the data set's offset

    @model_validator(mode="after")
    def _check_margin(self) -> Self:
        if self.box_scale is None and self.margin:
            raise ValueError(
                "margin must be 0 if box_scale is null (nothing lies around a whole frame); "
                f"got {self.margin}"
            )
        return self

    @property
    def channels(self) -> int:
        return 3 if self.colour else 1

    @property
    def input_size(self) -> tuple[int, int]:
        return self.height, self.width

    def points_of(self, scheme: Scheme) -> tuple[int, ...]:
        """Indices of the scheme's points that the task predicts."""
        return tuple(range(scheme.n_points)) if self.points == "all" else (scheme.nose_tip,)


@dataclass(frozen=True)
class CropFormat:
    """The format of a store's crops; lengths in pixels of the network's input."""

    height: int
    width: int
    margin: int  # kept around the input on each side
    colour: bool  # RGB if true, grayscale if false
    box_scale: float | None  # size of the input region relative to the box; None: the whole frame
    scheme: str

    @classmethod
    def of(cls, task: Task, scheme: Scheme, *, margin: int | None = None) -> Self:
        """The crop format of a task; `margin` replaces its margin, since prediction needs none."""
        margin = task.margin if margin is None else margin
        return cls(task.height, task.width, margin, task.colour, task.box_scale, scheme.name)

    @property
    def channels(self) -> int:
        return 3 if self.colour else 1

    @property
    def input_size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of a stored crop, px."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    def crop_to_input(self, tta_scale: float = 1.0) -> Array:
        """Map from a stored crop to the network's input, px, (2, 3).

        The input region is larger than the one that the crop was cut for by `tta_scale`.
        """
        middle = (self.width - 1) / 2, (self.height - 1) / 2
        return compose(scaling(1 / tta_scale, middle), translation(-self.margin, -self.margin))
