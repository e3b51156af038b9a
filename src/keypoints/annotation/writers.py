"""Writes annotations as JSON, and on request in the formats of other tools: PTS, dlib XML, CSV.

Points are 0-indexed pixels of the upright photo: (0, 0) is the centre of its top left pixel. Only
.pts files count from 1, as their readers expect.
"""

import csv
import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import quoteattr

import numpy as np

from keypoints.annotation.pipeline import AnnotatedImage
from keypoints.core.errors import escape_controls
from keypoints.core.paths import atomic_file
from keypoints.models.checkpoint import ModelInfo

FRAME = "pixels of the upright photo, x to the right, y down, from the middle of its top left pixel"
CSV_COLUMNS = ("photo", "face", "point", "x", "y", "uncertainty", "certain")

FORMATS = ("pts", "xml", "csv")
ENCODING_ERRORS = "backslashreplace"  # for file names that are not UTF-8; JSON restores them

AnnotationWriter = Callable[[AnnotatedImage], None]


@contextmanager
def annotation_writer(kind: str, folder: Path, info: ModelInfo) -> Iterator[AnnotationWriter]:
    """Writer of JSON or of a further format; its file is complete when the context ends.

    Args:
        kind: json, or one of FORMATS.
        folder: Folder of the files.
        info: Metadata of the model that predicted the points.

    Raises:
        OSError: If the file of all photos cannot be written.
    """
    if kind == "json":
        yield partial(_write_json, folder, info)
    elif kind == "pts":
        yield partial(_write_pts, folder)
    elif kind == "xml":
        with text_output(folder / "faces.xml", end="</images>\n</dataset>\n") as xml:
            xml.write("<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<images>\n")
            yield partial(_append_xml, xml, folder, info.points)
    else:
        with text_output(folder / "faces.csv") as table:
            csv.writer(table, lineterminator="\n").writerow(CSV_COLUMNS)
            yield partial(_append_csv, table, info.points)


@contextmanager
def text_output(path: Path, end: str = "") -> Iterator[TextIO]:
    """Open a file that replaces an older one when the context ends, also if it is interrupted.

    Args:
        path: The file.
        end: Last text of the file.

    Raises:
        OSError: If there is a folder of that name, or the file cannot be written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with _named(path):
        file = temporary.open("w", encoding="utf-8", errors=ENCODING_ERRORS, newline="")
    try:
        yield file
    finally:
        try:
            with _named(path):
                file.write(end)
                file.close()
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name a file in the errors of its temporary one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_json(folder: Path, info: ModelInfo, image: AnnotatedImage) -> None:
    record = {
        "photo": image.input.name,
        "height": image.photo.shape[0],
        "width": image.photo.shape[1],
        "frame": FRAME,
        "model": info.name,
        "scheme": info.scheme,
        "point_numbers": info.points,
        "notes": image.notes,
        "faces": [
            {
                "box": np.round(np.array(face.box, float), 3).tolist(),
                "rotation": round(face.face_box.rotation, 1),
                "score": round(face.face_box.score, 3),
                "certain": face.is_certain,
                "points": face.landmarks_photo.round(3).tolist(),
                "uncertainty": face.uncertainty_photo.round(3).tolist(),
                **({} if face.track is None else {"track": face.track}),
            }
            for face in image.faces
        ],
    }
    text = json.dumps(record, ensure_ascii=False) + "\n"
    with atomic_file(folder / f"{image.input.stem}.json") as temporary:
        temporary.write_text(text, encoding="utf-8", errors=ENCODING_ERRORS)


def _write_pts(folder: Path, image: AnnotatedImage) -> None:
    """Write one file per face; several faces go into a folder of that photo only."""
    for number, face in enumerate(image.faces, 1):
        lines = [f"{x:.3f} {y:.3f}" for x, y in face.landmarks_photo + 1]
        text = "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}"]) + "\n"
        path = folder / f"{image.input.stem}.pts"
        if len(image.faces) > 1:
            path = folder / image.input.stem / f"{number}.pts"
        with atomic_file(path) as temporary:
            temporary.write_text(text, encoding="ascii")


def _append_xml(file: TextIO, folder: Path, points: Sequence[int], image: AnnotatedImage) -> None:
    """Append an image as dlib expects it: integer pixels, and a path relative to the XML file.

    dlib does not train on boxes that are to be ignored; those of uncertain faces are.
    """
    relative = escape_controls(os.path.relpath(image.input.name, folder))
    file.write(f"  <image file={quoteattr(relative)}>\n")
    for face in image.faces:
        x0, y0, x1, y1 = (round(value) for value in face.box)
        ignored = "" if face.is_certain else " ignore='1'"
        box = f"top='{y0}' left='{x0}' width='{x1 - x0}' height='{y1 - y0}'{ignored}"
        file.write(f"    <box {box}>\n")
        for point, (x, y) in zip(points, face.landmarks_photo, strict=True):
            file.write(f"      <part name='{point:02d}' x='{round(x)}' y='{round(y)}'/>\n")
        file.write("    </box>\n")
    file.write("  </image>\n")


def _append_csv(file: TextIO, points: Sequence[int], image: AnnotatedImage) -> None:
    table = csv.writer(file, lineterminator="\n")
    for number, face in enumerate(image.faces, 1):
        rows = zip(points, face.landmarks_photo, face.uncertainty_photo, strict=True)
        for point, (x, y), uncertainty in rows:
            values = (f"{value:.3f}" for value in (x, y, uncertainty))
            table.writerow((image.input.name, number, point, *values, int(face.is_certain)))
