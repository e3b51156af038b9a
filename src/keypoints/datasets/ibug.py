"""300-W / iBUG in dlib's layout: XML lists of photos, each with a box and 68 points.

Source: Sagonas et al., 300 Faces In-The-Wild Challenge, 2016; dlib's imglab for the XML.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Literal
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keypoints.core.landmarks import IBUG_68
from keypoints.faces.dataset import (
    Archive,
    Dataset,
    PublicDatasetSettings,
    RenderedSettings,
    find_file,
)
from keypoints.faces.dlib_xml import iter_images
from keypoints.faces.face import Box, Face, FormatError
from keypoints.faces.face_list import DiskBackedFaces

TRAIN_LIST = "labels_ibug_300W_train.xml"
TEST_LISTS = ("labels_ibug_300W_test_parsed.xml", "labels_ibug_300W_test.xml")
MAX_PX = 1_000_000  # of a coordinate and of a box's side, far beyond any photo
# The number of a face in a photo (AFW, Helen) has one or two digits; LFPW's four name the photo.
_FACE_AND_MIRROR = re.compile(r"(_\d{1,2})?(_mirror)?$")


class RenderedIbug(RenderedSettings):
    """Settings of the rendered photos, one face each."""

    photos: Annotated[int, Field(ge=20)]  # of the training list, mirror twins included
    test_photos: Annotated[int, Field(ge=1)]


class IbugSettings(PublicDatasetSettings):
    """Settings of the data set; the test list may be that of the competition."""

    test_list: Literal["archive", "kaggle"]
    rendered: RenderedIbug

    def archives(self, competition: str) -> list[Archive]:
        """The public archive and, if set, the test list of the competition."""
        archives = super().archives(competition)
        if self.test_list == "kaggle":
            files = {"only": TEST_LISTS[0], "beside": TRAIN_LIST}
            archives.append(Archive(self.max_bytes, competition=competition, **files))
        return archives


def read_ibug(root: Path) -> DiskBackedFaces:
    """Read the training and the test list, wherever below `root` they are.

    Test faces keep the order of their list. They have no landmarks even if the list contains some,
    because test labels are used for scoring only.

    Returns:
        The training faces in the order of their names, then the test faces.

    Raises:
        FormatError: If a list is missing or breaks the format.
    """
    train_list, test_list = find_file(root, TRAIN_LIST), find_file(root, *TEST_LISTS)
    faces = DiskBackedFaces()
    faces.extend(_read_list(train_list, root, is_test=False), train_list, by_name=True)
    if not faces:
        raise FormatError(f"{train_list}: no face in it; fetch the data set again")
    faces.extend(_read_list(test_list, root, is_test=True), test_list)
    return faces


def photo_group(name: str) -> str:
    """Group of a face: the name without the suffixes of faces of one photo and mirror twins."""
    return _FACE_AND_MIRROR.sub("", name)


def _read_list(path: Path, root: Path, *, is_test: bool) -> Iterator[Face]:
    folder = path.parent.relative_to(root)
    for image in iter_images(path):
        file = image.get("file", "")
        relative = PurePosixPath(file)
        if not relative.name or _leaves_folder(file):
            raise FormatError(f"{path}: an image's file should be below the list; got {file!r}")
        boxes = image.findall("box")
        if len(boxes) != 1:
            raise FormatError(f"{path}: {file}: {len(boxes)} boxes where each photo has one")
        name = str(relative.with_suffix(""))
        yield Face(
            name=name,
            photo=str(PurePosixPath(folder.as_posix()) / relative),
            group=photo_group(name),
            box=_read_box(path, file, boxes[0]),
            landmarks_photo=None if is_test else _read_points(path, file, boxes[0]),
            is_test=is_test,
        )


def _leaves_folder(file: str) -> bool:
    path = PureWindowsPath(file)  # parses both slashes, and drives
    return bool(path.anchor) or ".." in path.parts


def _read_box(path: Path, file: str, box: Element) -> Box:
    left, top, width, height = (
        _number(path, file, box, key) for key in ("left", "top", "width", "height")
    )
    if width <= 0 or height <= 0:
        raise FormatError(f"{path}: {file}: a box of {width:g} x {height:g} px")
    return left, top, left + width, top + height


def _read_points(path: Path, file: str, box: Element) -> NDArray[np.float64]:
    points = {
        part.get("name", ""): (_number(path, file, part, "x"), _number(path, file, part, "y"))
        for part in box.findall("part")
    }
    expected = [f"{number:02d}" for number in range(IBUG_68.n_points)]
    found = len(box.findall("part"))
    if sorted(points) != expected or found != len(expected):
        raise FormatError(
            f"{path}: {file}: {found} points where the iBUG scheme has {IBUG_68.n_points}, "
            "named 00 to 67"
        )
    return np.array([points[name] for name in expected])


def _number(path: Path, file: str, element: Element, key: str) -> float:
    value = element.get(key, "")
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if not abs(number) <= MAX_PX:
        raise FormatError(
            f"{path}: {file}: {element.tag} {key} should be a number, up to {MAX_PX:,} px; "
            f"got {value!r}"
        )
    return number


DATASET = Dataset(
    title="300-W / iBUG",
    scheme=IBUG_68,
    settings=IbugSettings,
    public_counts={"train": 6666, "test": 1008},
    read=read_ibug,
    has_boxes=True,
    test_labels=TEST_LISTS[-1],
)
