"""Settings of the data: where the sets come from, what is drawn, held out and cut."""

from typing import Annotated, Literal

from pydantic import Field

from keypoints.config.base import Seed, Settings

Fraction = Annotated[float, Field(gt=0, le=0.5)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ArchiveLimits(Settings):
    """How much may come out of an archive."""

    max_unpacked_gb: Annotated[float, Field(gt=0)]

    @property
    def max_bytes(self) -> int:
        """The same in bytes."""
        return int(self.max_unpacked_gb * 1e9)


class Archive(ArchiveLimits):
    """A public archive and, where it is known, its digest."""

    urls: Annotated[list[str], Field(min_length=1)]
    sha256: Sha256 | None


class IbugArchive(Archive):
    """The public archive of iBUG, and whose test list is taken."""

    test_list: Literal["archive", "kaggle"]


class Kaggle15Archive(ArchiveLimits):
    """The archive of a competition's files, which takes an account."""

    source: Literal["rendered", "kaggle"]
    competition: str
    sha256: Sha256 | None


class Downloads(Settings):
    """The archive of each data set."""

    imm: Archive
    ibug: IbugArchive
    kaggle15: Kaggle15Archive


class RenderedSettings(Settings):
    """How the faces of a set are drawn."""

    seed: Seed
    difficulty: Annotated[float, Field(ge=0, le=2)]
    disabled: list[Literal["pose", "expression", "light", "cover", "camera"]]


class RenderedImm(RenderedSettings):
    """Faces of the IMM layout, drawn when `source` is `rendered`."""

    people: Annotated[int, Field(ge=5, le=99)]


class RenderedIbug(RenderedSettings):
    """Faces of the iBUG layout, drawn when `source` is `rendered`."""

    photos: Annotated[int, Field(ge=20)]
    test_photos: Annotated[int, Field(ge=1)]


class RenderedKaggle15(RenderedSettings):
    """Faces of facial-keypoints-detection, drawn unless they come from Kaggle."""

    faces: Annotated[int, Field(ge=20)]
    test_faces: Annotated[int, Field(ge=1)]


class Rendered(Settings):
    """What is drawn for each data set."""

    imm: RenderedImm
    ibug: RenderedIbug
    kaggle15: RenderedKaggle15


class Validation(Settings):
    """Fraction of each set that is held out."""

    imm: Fraction
    ibug: Fraction
    kaggle15: Fraction


class Task(Settings):
    """What is predicted from which cut of which photos; lengths in px of the network's input."""

    dataset: Literal["imm", "ibug", "kaggle15"]
    points: Literal["nose_tip", "all"]
    height: Annotated[int, Field(ge=8, le=2048)]
    width: Annotated[int, Field(ge=8, le=2048)]
    colour: bool
    margin: Annotated[int, Field(ge=0, le=512)]
    box_scale: Annotated[float, Field(ge=1, le=4)] | None

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return 3 if self.colour else 1

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input, px."""
        return self.height, self.width
