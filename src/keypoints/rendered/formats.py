"""File formats of the public sets: .asf shapes, XML lists of dlib, JPEG photos."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from keypoints.core.landmarks import IBUG_68, IMM_58

TRAIN_LIST = "labels_ibug_300W_train.xml"
TEST_LIST = "labels_ibug_300W_test_parsed.xml"
TEST_LIST_WITH_LANDMARKS = "labels_ibug_300W_test.xml"

_ASF_TYPE = {"jaw": 4, "eyes": 0, "brows": 4, "mouth": 0, "nose": 4}


@dataclass(frozen=True)
class XmlFace:
    """An entry of a dlib list.

    Attributes:
        file: Path of the photo, relative to the list.
        size: Height and width of the photo.
        box: Left, top, width and height in photo pixels.
        landmarks_photo: Whole photo pixels, (68, 2).
    """

    file: str
    size: tuple[int, int]
    box: tuple[int, int, int, int]
    landmarks_photo: np.ndarray

    def hflip(self, file: str) -> "XmlFace":
        """Entry of the horizontally flipped photo."""
        width = self.size[1]
        left, top, box_width, box_height = self.box
        landmarks = self.landmarks_photo[IBUG_68.flip_indices]
        landmarks = np.stack([width - 1 - landmarks[:, 0], landmarks[:, 1]], axis=1)
        box = (width - left - box_width, top, box_width, box_height)
        return XmlFace(file, self.size, box, landmarks)


def write_photo(path: Path, photo: np.ndarray, quality: int) -> None:
    """Write a JPEG.

    Raises:
        OSError: If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(encoded.tobytes())


def write_asf(
    path: Path, landmarks_photo: np.ndarray, size: tuple[int, int], *, user_columns: bool
) -> None:
    """Write the shape file of an IMM photo.

    Args:
        path: File to write; its host image is the .jpg of the same stem.
        landmarks_photo: (58, 2).
        size: Height and width of the photo.
        user_columns: Whether to write three more columns of zeros, as in some public files.
    """
    relative = landmarks_photo / (size[1], size[0])
    heading = " <user1> <user2> <user3>" if user_columns else ""
    lines = [
        "#" * 70,
        "#\n#    AAM Shape File  -  rendered\n#",
        "#" * 70,
        "\n#\n# number of model points\n#\n58\n\n#\n# model points\n#",
        "# format: <path#> <type> <x rel.> <y rel.> <point#> <connects from> <connects to>"
        + heading,
        *_asf_points(relative, "\t0.00\t0.00\t0.00" if user_columns else ""),
        f"\n#\n# host image\n#\n{path.stem}.jpg\n",
    ]
    path.write_text("\n".join(lines), encoding="ascii")


def _asf_points(relative: np.ndarray, tail: str) -> Iterable[str]:
    for number, contour in enumerate(IMM_58.contours):
        points = contour.points
        part = next(name for name, members in IMM_58.parts.items() if points[0] in members)
        for k, point in enumerate(points):
            before, after = points[k - 1], points[(k + 1) % len(points)]
            if not contour.closed:
                before, after = points[max(k - 1, 0)], points[min(k + 1, len(points) - 1)]
            x, y = relative[point]
            yield (
                f"{number} \t{_ASF_TYPE[part]} \t{x:.8f} \t{y:.8f} \t{point} \t{before} \t{after}"
                + tail
            )


def write_list(
    path: Path, name: str, faces: Iterable[XmlFace], *, with_landmarks: bool = True
) -> None:
    """Write a dlib list of photos, with boxes and optionally landmarks."""
    lines = [
        "<?xml version='1.0' encoding='ISO-8859-1'?>",
        "<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>",
        "<dataset>",
        f"<name>{name}</name>",
        "<comment>Rendered faces. Boxes and landmarks in pixels of the photo, 0-indexed.</comment>",
        "<images>",
    ]
    for face in faces:
        lines += _image_lines(face, with_landmarks)
    lines += ["</images>", "</dataset>", ""]
    path.write_text("\n".join(lines), encoding="latin-1")


def _image_lines(face: XmlFace, with_landmarks: bool) -> Iterable[str]:
    height, width = face.size
    left, top, box_width, box_height = face.box
    box = f"top='{top}' left='{left}' width='{box_width}' height='{box_height}'"
    if not with_landmarks:
        return [f"  <image file='{face.file}'>", f"    <box {box}/>", "  </image>"]
    return [
        f"  <image file='{face.file}' width='{width}' height='{height}'>",
        f"    <box {box}>",
        *(
            f"      <part name='{point:02d}' x='{x}' y='{y}'/>"
            for point, (x, y) in enumerate(face.landmarks_photo)
        ),
        "    </box>",
        "  </image>",
    ]
