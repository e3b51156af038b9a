"""Settings of a task, and the format of its stored crops."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from keypoints.config.base import Settings
from keypoints.core.geometry import compose, scaling, translation
from keypoints.core.landmarks import Scheme


class Task(Settings):
    """Settings of a task; lengths in pixels of the network's input."""

    dataset: str
    points: Literal["nose_tip", "all"]
    height: Annotated[int, Field(ge=8, le=2048)]
    width: Annotated[int, Field(ge=8, le=2048)]
    colour: bool
    margin: Annotated[int, Field(ge=0, le=512)]
    box_scale: Annotated[float, Field(ge=1, le=4)] | None

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
        """Channels of the network's input."""
        return 3 if self.colour else 1

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input, px."""
        return self.height, self.width

    def points_of(self, scheme: Scheme) -> tuple[int, ...]:
        """Indices of the scheme's points that the task predicts."""
        if self.points == "nose_tip":
            return (scheme.nose_tip,)
        return tuple(range(scheme.n_points))


@dataclass(frozen=True)
class CropFormat:
    """The format of a store's crops.

    Attributes:
        height: Height of the network's input, px.
        width: Width of the network's input, px.
        margin: Pixels kept around the input on each side.
        colour: RGB if true, grayscale if false.
        box_scale: Size of the input region relative to the given box; None: the whole frame.
        scheme: Name of the landmark scheme.
    """

    height: int
    width: int
    margin: int
    colour: bool
    box_scale: float | None
    scheme: str

    @classmethod
    def of(cls, task: Task, scheme: Scheme, *, margin: int | None = None) -> Self:
        """The crop format of a task.

        Args:
            task: Settings of the task.
            scheme: Landmark scheme of its data set.
            margin: Replaces the task's margin; prediction needs none.
        """
        return cls(
            height=task.height,
            width=task.width,
            margin=task.margin if margin is None else margin,
            colour=task.colour,
            box_scale=task.box_scale,
            scheme=scheme.name,
        )

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input, px."""
        return self.height, self.width

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of a stored crop, px."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    @property
    def channels(self) -> int:
        """Channels of a stored crop."""
        return 3 if self.colour else 1

    def crop_to_input(self, tta_scale: float = 1.0) -> NDArray[np.floating]:
        """Map from a stored crop to the network's input, px, (2, 3).

        Args:
            tta_scale: Factor by which the input region is larger than the one the crop was cut for.
        """
        middle = (self.width - 1) / 2, (self.height - 1) / 2
        return compose(scaling(1 / tta_scale, middle), translation(-self.margin, -self.margin))
