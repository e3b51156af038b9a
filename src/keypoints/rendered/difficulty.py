"""How hard to find the points of drawn faces are, kind by kind."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True)
class Difficulty:
    """How far, and how often, a photo leaves a frontal, resting, evenly lit face.

    At 0 it never does, at 1 as the public photos do, at 2 more than they.

    Attributes:
        pose: Turns of the head.
        expression: What mouth, brows and lids do.
        light: Lamps at the side, and their colours.
        occlusion: Hair over the face, glasses, hats, hands and objects.
        camera: Blur, exposure, grain and JPEG.
    """

    pose: float = 1.0
    expression: float = 1.0
    light: float = 1.0
    occlusion: float = 1.0
    camera: float = 1.0

    @classmethod
    def of(cls, level: float, plain: Collection[str] = ()) -> Self:
        """The same level for all kinds but the plain ones, which have 0."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: 0.0 if name in plain else level for name in names})


REALISTIC = Difficulty()
