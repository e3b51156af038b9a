"""300-W / iBUG in dlib's layout: XML lists of photos, each with a box and 68 points.

Source: Sagonas et al., 300 Faces In-The-Wild Challenge, 2016; dlib's imglab for the XML.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Literal
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keypoints.core.landmarks import IBUG_68
from keypoints.core.records import read_record, write_record
from keypoints.core.tables import decimal_comma_hint, to_float
from keypoints.faces.dataset import (
    Archive,
    Dataset,
    LabelOffset,
    PublicDatasetSettings,
    RenderedSettings,
)
from keypoints.faces.dlib_xml import iter_images, photo_name, used_boxes
from keypoints.faces.duplicates import find_duplicate_groups
from keypoints.faces.face import Box, Face, FormatError
from keypoints.faces.face_list import DiskBackedFaces, FaceEntry, FaceList, read_faces
from keypoints.faces.files import PhotoFinder, find_file

TRAIN_LIST = "labels_ibug_300W_train.xml"
TEST_LISTS = ("labels_ibug_300W_test_parsed.xml", "labels_ibug_300W_test.xml")
MAX_PX = 1_000_000  # of a coordinate and of a box's side, far beyond any photo
LABEL_OFFSET = LabelOffset(px=0.36, box_sides=0.0018)  # measured: docs/experiments.md
DUPLICATES = "duplicates.json"  # below data/raw/ibug: the groups to merge
_MIRROR = "_mirror"  # end of a twin's name
# The number of a face in a photo (AFW, Helen) has one or two digits; that of an LFPW photo, four.
_FACE_AND_MIRROR = re.compile(rf"(_\d{{1,2}})?({_MIRROR})?$")
_HELEN_FOLDER = re.compile(r"(?<=^helen/)(train|test)set/")  # both contain photos of one Flickr id


class RenderedIbug(RenderedSettings):
    """Settings of the rendered photos, one face each."""

    photos: Annotated[int, Field(ge=20)]  # of the training list, mirror twins included
    test_photos: Annotated[int, Field(ge=1)]


class IbugSettings(PublicDatasetSettings):
    """Settings of the data set; the test list may be that of the competition."""

    test_list: Literal["archive", "kaggle"]
    competition: str  # slug; its test list is used if `test_list` is kaggle
    rendered: RenderedIbug

    def archives(self) -> list[Archive]:
        archives = super().archives()
        if self.test_list == "kaggle":
            archive = Archive(
                self.max_bytes,
                competition=self.competition,
                only=TEST_LISTS[0],
                beside=TRAIN_LIST,
            )
            archives.append(archive)
        return archives


def read_ibug(root: Path) -> DiskBackedFaces:
    """Read the training faces by name, then the test faces in the order of their list.

    The lists may be anywhere below `root`. Boxes with `ignore='1'` are no faces to learn from. Test
    faces have no landmarks even if their list contains some, because test labels are used for
    scoring only. The group of a face is its photo, or that of a duplicate if `write_duplicates`
    was called.
    """
    train_list, test_list = find_file(root, TRAIN_LIST), find_file(root, *TEST_LISTS)
    return read_faces(
        root,
        FaceList(_iter_entries(train_list, root, is_test=False), train_list, by_name=True),
        FaceList(_iter_entries(test_list, root, is_test=True), test_list),
    )


def write_duplicates(root: Path) -> None:
    """Find training photos that are listed more than once, for `read_ibug` to group them.

    LFPW contains copies of photos under other names, and Helen contains series of photos. If a face
    has a fault, nothing is written: the check of all faces, which follows, names all faults.
    """
    with suppress(FormatError):
        faces = [face for face in read_ibug(root) if not face.is_test and not face.is_mirrored]
        groups = find_duplicate_groups(faces, root, lambda group: _HELEN_FOLDER.sub("", group))
        write_record(root / DUPLICATES, groups)


def photo_group(name: str) -> str:
    """Group of a face: the name without the suffixes of faces of one photo and mirror twins."""
    return _FACE_AND_MIRROR.sub("", name)


def _iter_entries(path: Path, root: Path, *, is_test: bool) -> Iterator[FaceEntry]:
    folder, photos = path.parent.relative_to(root), PhotoFinder(path.parent)
    file = root / DUPLICATES
    merged: dict[str, str] = read_record(file) if file.is_file() else {}
    for image in iter_images(path):
        group = photo_group(photo_name(image))
        group = merged.get(group, group)
        read = partial(_read_face, path, image, folder, photos, group, is_test)
        yield FaceEntry(photo_name(image), read, is_test)


def _read_face(
    path: Path, image: Element, folder: Path, photos: PhotoFinder, group: str, is_test: bool
) -> Face | None:
    file = image.get("file", "")
    windows = PureWindowsPath(file)  # parses both slashes, and drives
    if not windows.name or windows.anchor or ".." in windows.parts:
        raise FormatError(f"{path}: an image's file should be below the list; got {file!r}")
    place = f"{path}: {file}"
    boxes = used_boxes(image)
    if not boxes and image.findall("box") and not is_test:
        return None
    if len(boxes) != 1:
        raise FormatError(f"{place}: {len(boxes)} boxes; each photo should have one")
    name = photo_name(image)
    return Face(
        name=name,
        photo=str(PurePosixPath(folder.as_posix()) / photos.find(file)),
        group=group,
        box=_read_box(place, boxes[0]),
        landmarks_photo=None if is_test else _read_points(place, boxes[0]),
        is_test=is_test,
        is_mirrored=name.endswith(_MIRROR),
    )


def _read_box(place: str, box: Element) -> Box:
    left, top, width, height = (
        _number(place, box, key) for key in ("left", "top", "width", "height")
    )
    if width <= 0 or height <= 0:
        raise FormatError(f"{place}: a box of {width:g} x {height:g} px is not valid")
    return left, top, left + width, top + height


def _read_points(place: str, box: Element) -> NDArray[np.float64]:
    parts = sorted(box.findall("part"), key=lambda part: part.get("name", ""))
    names = [part.get("name", "") for part in parts]
    expected = [f"{point:02d}" for point in range(IBUG_68.n_points)]
    if names != expected:
        other = next((name for name in names if name not in expected), None)
        raise FormatError(
            f"{place}: {len(parts)} points where the iBUG scheme has {IBUG_68.n_points}, "
            f"named 00 to 67{'' if other is None else f'; one is named {other!r}'}"
        )
    return np.array([(_number(place, part, "x"), _number(place, part, "y")) for part in parts])


def _number(place: str, element: Element, key: str) -> float:
    value = element.get(key, "")
    try:
        number = to_float(value)
    except ValueError:
        number = np.nan
    if not abs(number) <= MAX_PX:
        raise FormatError(
            f"{place}: {element.tag} {key} should be a number, up to {MAX_PX:,} px; got {value!r}"
            f"{decimal_comma_hint(value)}"
        )
    return number


DATASET = Dataset(
    title="300-W / iBUG",
    scheme=IBUG_68,
    settings=IbugSettings,
    public_counts={"train": 6666, "test": 1008},
    read=read_ibug,
    has_boxes=True,
    label_offset=LABEL_OFFSET,
    convert=write_duplicates,
    own_files=(DUPLICATES,),
    test_labels=TEST_LISTS[-1],
)
