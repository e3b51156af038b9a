"""What a data set is: a file of `keypoints.datasets`, which defines `DATASET`, and settings."""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from keypoints.config.base import Address, Fraction, Seed, Settings
from keypoints.config.messages import SettingsError, join_names
from keypoints.core.landmarks import Scheme
from keypoints.core.records import read_record
from keypoints.faces.face import Face, SplitFunction, split_by_hash

_PACKAGE = "keypoints.datasets"


@dataclass(frozen=True)
class Archive:
    """An archive to download and unpack: one with public addresses, or a competition's files."""

    max_bytes: int  # of all unpacked files
    sha256: str | None = None  # None accepts any archive
    urls: Sequence[str] = ()  # tried in order
    competition: str = ""  # slug on Kaggle
    only: str | None = None  # name of the single file to extract; None: all files
    beside: str = ""  # name of a file of an earlier archive, into whose folder `only` is copied
    files: tuple[str, ...] = ()  # names of its files, which a mirror may have instead of it


class RenderedSettings(Settings):
    """Settings of the renderer that all data sets share."""

    seed: Seed
    difficulty: Annotated[float, Field(ge=0, le=2)]
    disabled: list[Literal["pose", "expression", "light", "occlusion", "camera"]]


class DatasetSettings(Settings):
    """Settings of every data set."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None  # None accepts any archive
    max_unpacked_gb: Annotated[float, Field(gt=0)]
    val_fraction: Fraction  # of the groups
    exclude: list[str] = []  # names of faces that are left out, or patterns such as helen/*
    rendered: RenderedSettings | None = None  # None: there is no renderer for this data set

    @property
    def max_bytes(self) -> int:
        return int(self.max_unpacked_gb * 1e9)

    def choose_source(self, default: str) -> str:
        """`rendered`, or another value for a download; `default` is the top-level `source`."""
        return default if self.rendered else "public"

    def archives(self) -> list[Archive]:
        """Archives in the order of unpacking."""
        raise NotImplementedError


class PublicDatasetSettings(DatasetSettings):
    """Settings of a data set that is one public archive."""

    urls: Annotated[list[Address], Field(min_length=1)]  # tried in order

    def archives(self) -> list[Archive]:
        return [Archive(self.max_bytes, self.sha256, self.urls)]


@dataclass(frozen=True)
class LabelOffset:
    """How far to the right of mirror-symmetric labels those of a data set lie.

    The labels of mirror twins, which are flipped copies, lie equally far to the left.
    """

    px: float  # photo pixels
    box_sides: float  # added to `px`, relative to the longer side of a face's box

    def of(self, face: Face) -> float:
        """Offset of a face in photo pixels, positive to the right; 0 for a face without a box."""
        if face.box is None:
            return 0.0
        x0, y0, x1, y1 = face.box
        distance = self.px + self.box_sides * max(x1 - x0, y1 - y0)
        return -distance if face.is_mirrored else distance


@dataclass(frozen=True)
class Dataset:
    """Description of a data set. Its functions raise FormatError if a file breaks the format."""

    title: str  # in the report
    scheme: Scheme
    settings: type[DatasetSettings]  # of the block `datasets.NAME` in params.yaml
    public_counts: Mapping[str, int]  # of faces in the published training and test sets
    read: Callable[[Path], Sequence[Face]]  # all faces below a folder, in the order of the store
    split: Callable[[Sequence[Face], float], SplitFunction] = split_by_hash  # with `val_fraction`
    has_boxes: bool = False
    label_offset: LabelOffset | None = None  # of real faces; rendered ones have none
    convert: Callable[[Path], None] | None = None  # files after the download or the rendering
    own_files: tuple[str, ...] = ()  # files and folders that `convert` writes
    store_files: tuple[str, ...] = ()  # files that are copied into the crop store of each task
    test_labels: str | None = None  # file with the test faces' landmarks, to score submissions only


def find_dataset(name: str, key: str = "data set") -> Dataset:
    """Find a data set by the name of its file; SettingsError, about `key`, if there is none."""
    package = import_module(_PACKAGE)
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    if name not in names:
        raise SettingsError(
            f"{key} must be one of {join_names(names)}; got {name!r}; to add a data set, "
            "add a module to src/keypoints/datasets"
        )
    return import_module(f"{_PACKAGE}.{name}").DATASET


def is_rendered(root: Path) -> bool:
    """Whether `fetch` rendered the data set of a folder; a folder without source.json is real."""
    source = root / "source.json"
    return source.is_file() and read_record(source).get("source") == "rendered"
