"""Descriptions of data sets, their common settings, and the lookup by name.

A data set is one file of `keypoints.datasets`, which defines `DATASET`, and one block of
`datasets` in params.yaml.
"""

import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from keypoints.config.address import Address
from keypoints.config.base import Fraction, Seed, Settings
from keypoints.config.messages import SettingsError, join_names
from keypoints.core.landmarks import Scheme
from keypoints.faces.face import Face, FormatError, SplitFunction, split_by_hash

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

_PACKAGE = "keypoints.datasets"


@dataclass(frozen=True)
class Archive:
    """An archive to download and unpack.

    Attributes:
        max_bytes: Largest total size of the unpacked files.
        sha256: Digest that the archive must have; None accepts any archive.
        urls: Public addresses, tried in order; empty for the files of a Kaggle competition.
        competition: Slug of the Kaggle competition whose files the archive contains.
        only: Name of the single file to take from the archive; None: all files.
        beside: Name of a file of an earlier archive; `only` is copied into its folder.
    """

    max_bytes: int
    sha256: str | None = None
    urls: Sequence[str] = ()
    competition: str = ""
    only: str | None = None
    beside: str = ""


class RenderedSettings(Settings):
    """Settings of the renderer that all data sets share."""

    seed: Seed
    difficulty: Annotated[float, Field(ge=0, le=2)]
    disabled: list[Literal["pose", "expression", "light", "occlusion", "camera"]]


class ArchiveLimits(Settings):
    """Digest that an archive must have (None accepts any), and the bound on its unpacked size."""

    sha256: Sha256 | None
    max_unpacked_gb: Annotated[float, Field(gt=0)]

    @property
    def max_bytes(self) -> int:
        return int(self.max_unpacked_gb * 1e9)


class DatasetSettings(ArchiveLimits):
    """Settings of every data set.

    Attributes:
        val_fraction: Fraction of the groups that is held out for validation.
        rendered: Settings of the renderer; None if there is none for this data set.
    """

    val_fraction: Fraction
    rendered: RenderedSettings | None = None

    def choose_source(self, default: str) -> str:
        """Source of the faces: `rendered`, or another word for a download.

        Args:
            default: Setting `source` of params.yaml, `rendered` or `public`.
        """
        return default if self.rendered else "public"

    def archives(self, competition: str) -> list[Archive]:
        """Archives that make up the data set, in the order in which they are unpacked.

        Args:
            competition: Setting `competition` of params.yaml, a slug.
        """
        raise NotImplementedError


class PublicDatasetSettings(DatasetSettings):
    """Settings of a data set that is one public archive."""

    urls: Annotated[list[Address], Field(min_length=1)]  # tried in order

    def archives(self, competition: str) -> list[Archive]:
        """The public archive."""
        return [Archive(self.max_bytes, self.sha256, self.urls)]


@dataclass(frozen=True)
class Dataset:
    """Description of a data set.

    Attributes:
        title: Name for the report.
        scheme: Landmark scheme of the annotations.
        settings: Class of the block `datasets.NAME` in params.yaml.
        public_counts: Number of faces in the published training and test sets.
        read: Reads all faces below a folder, in the order of the crop store. Raises FormatError.
        split: Assigns faces to splits, from all faces and `val_fraction`.
        has_boxes: Whether the annotations contain face boxes.
        convert: Converts the files in a folder after the download or the rendering; None: nothing
            to do. Raises FormatError.
        store_files: Names of files that are copied into the crop store of each task.
        test_labels: Name of the file with the landmarks of the test faces, which only score
            submissions; None: there is none.
    """

    title: str
    scheme: Scheme
    settings: type[DatasetSettings]
    public_counts: Mapping[str, int]
    read: Callable[[Path], Sequence[Face]]
    split: Callable[[Sequence[Face], float], SplitFunction] = split_by_hash
    has_boxes: bool = False
    convert: Callable[[Path], None] | None = None
    store_files: tuple[str, ...] = ()
    test_labels: str | None = None


def find_dataset(name: str, key: str = "data set") -> Dataset:
    """Find a data set by the name of its file.

    Args:
        name: Name of the data set.
        key: Setting that contains the name, for the error message.

    Raises:
        SettingsError: If there is no such file; the message lists those that exist.
    """
    package = import_module(_PACKAGE)
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    if name not in names:
        raise SettingsError(
            f"{key} must be one of {join_names(names)}; got {name!r}; a new data set is a file "
            "of src/keypoints/datasets"
        )
    return import_module(f"{_PACKAGE}.{name}").DATASET


def find_file(root: Path, *names: str) -> Path:
    """Find a file anywhere below a folder.

    Args:
        root: Folder of the data set.
        names: Names of the file, the preferred one first.

    Raises:
        FormatError: If there is no file with any of the names.
    """
    for name in names:
        paths = sorted(Path(folder, name) for folder, _, files in os.walk(root) if name in files)
        if paths:
            return paths[0]
    raise FormatError(f"{root}: no {' or '.join(names)} below it; fetch the data set again")
