"""Annotations of photos as files: JSON for everything, and what other tools read.

Points are pixels of the upright photo, 0-indexed, (0, 0) the middle of its top left pixel; only
.pts counts from 1, as its readers expect.
"""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.predictor import PredictedFace

FRAME = "pixels of the upright photo, x to the right, y down, from the middle of its top left pixel"
CSV_COLUMNS = ("photo", "face", "point", "x", "y", "uncertainty")

FORMATS = ("pts", "xml", "csv")
ENCODING_ERRORS = "backslashreplace"  # names of files that are no UTF-8; JSON reads them back


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo, or a picture of a video, with the faces on it.

    Attributes:
        shown_as: What the user calls it.
        stem: Of the files about it, below the folder of the outputs.
        size: Height and width, px.
        faces: The largest first.
    """

    shown_as: str
    stem: str
    size: tuple[int, int]
    faces: list[PredictedFace]


class AnnotationWriter(Protocol):
    """Takes one photo after the other."""

    def __call__(self, photo: AnnotatedPhoto) -> None:
        """Write a photo's faces."""


@contextmanager
def annotation_writers(
    folder: Path, formats: Sequence[str], *, model: str, scheme: str, points: Sequence[int]
) -> Iterator[list[AnnotationWriter]]:
    """Writers of JSON and of some further FORMATS, whose files are whole at the end.

    Args:
        folder: Where the files go.
        formats: Of FORMATS.
        model: Name of the model, for JSON.
        scheme: Name of the landmark scheme.
        points: Which points of the scheme the faces have.
    """
    head: dict[str, object] = {
        "frame": FRAME,
        "model": model,
        "scheme": scheme,
        "point_numbers": list(points),
    }
    writers: list[AnnotationWriter] = [lambda photo: _write_json(folder, photo, head)]
    if "pts" in formats:
        writers.append(lambda photo: _write_pts(folder, photo))
    with _opened(folder / "faces.xml", "xml" in formats) as xml:
        with _opened(folder / "faces.csv", "csv" in formats) as table:
            if xml:
                xml.write("<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<images>\n")
                writers.append(lambda photo: _append_xml(xml, folder, photo, points))
            if table:
                csv.writer(table, lineterminator="\n").writerow(CSV_COLUMNS)
                writers.append(lambda photo: _append_csv(table, photo, points))
            yield writers
        if xml:
            xml.write("</images>\n</dataset>\n")


@contextmanager
def _opened(path: Path, wanted: bool) -> Iterator[TextIO | None]:
    if not wanted:
        yield None
        return
    with path.open("w", encoding="utf-8", errors=ENCODING_ERRORS, newline="") as file:
        yield file


def _write_json(folder: Path, photo: AnnotatedPhoto, head: dict[str, object]) -> None:
    faces = [
        {
            "box": _rounded(np.array(face.box)),
            "points": _rounded(face.landmarks_photo),
            "uncertainty": _rounded(face.uncertainty_photo),
        }
        for face in photo.faces
    ]
    height, width = photo.size
    record = {"photo": photo.shown_as, "height": height, "width": width} | head | {"faces": faces}
    path = folder / f"{photo.stem}.json"
    text = json.dumps(record, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", errors=ENCODING_ERRORS)


def _write_pts(folder: Path, photo: AnnotatedPhoto) -> None:
    for number, face in enumerate(photo.faces, 1):
        lines = [f"{x:.3f} {y:.3f}" for x, y in face.landmarks_photo + 1]
        text = "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}"]) + "\n"
        path = folder / f"{photo.stem}.pts"
        if len(photo.faces) > 1:  # in a folder, where no other photo's file has such a name
            path = folder / photo.stem / f"{number}.pts"
            path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def _append_xml(file: TextIO, folder: Path, photo: AnnotatedPhoto, points: Sequence[int]) -> None:
    """As dlib reads it: whole pixels, and the photo's path from the list's folder."""
    from_list = os.path.relpath(photo.shown_as, folder)
    file.write(f"  <image file={quoteattr(from_list)}>\n")
    for face in photo.faces:
        x0, y0, x1, y1 = (round(value) for value in face.box)
        file.write(f"    <box top='{y0}' left='{x0}' width='{x1 - x0}' height='{y1 - y0}'>\n")
        for point, (x, y) in zip(points, face.landmarks_photo, strict=True):
            file.write(f"      <part name='{point:02d}' x='{round(x)}' y='{round(y)}'/>\n")
        file.write("    </box>\n")
    file.write("  </image>\n")


def _append_csv(file: TextIO, photo: AnnotatedPhoto, points: Sequence[int]) -> None:
    table = csv.writer(file, lineterminator="\n")
    for number, face in enumerate(photo.faces, 1):
        rows = zip(points, face.landmarks_photo, face.uncertainty_photo, strict=True)
        for point, (x, y), apart in rows:
            table.writerow((photo.shown_as, number, point, f"{x:.3f}", f"{y:.3f}", f"{apart:.3f}"))


def _rounded(values: NDArray[np.floating]) -> list[object]:
    return np.round(values.astype(float), 3).tolist()
