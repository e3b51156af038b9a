"""Section of the photos in data/photos/, predicted by the network that annotate.py chooses."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from keypoints.annotation.default_model import ROOT, model_file, open_model, validation_nme
from keypoints.annotation.descriptions import count, describe_certainty, model_parts
from keypoints.annotation.detection import detect_faces
from keypoints.annotation.images import PhotoError, read_image
from keypoints.annotation.inputs import SYSTEM_KINDS, InputFiles, list_photos
from keypoints.annotation.predictor import PredictedFace, Predictor, crop_faces, predict_faces
from keypoints.core.errors import first_line
from keypoints.core.geometry import enlarge_box
from keypoints.core.landmarks import SCHEMES
from keypoints.evaluation.drawing import select_contours
from keypoints.models.checkpoint import ModelFileError, ModelInfo
from keypoints.report.components import Card
from keypoints.report.pictures import face_picture
from keypoints.report.template import Section, render

PHOTOS = Path("data/photos")
PORTRAIT = "eileen_collins.jpg"  # committed, so that the section is never empty
_BOX_SCALE = 1.8  # size of the picture relative to the box
_MAX_SIDE = 400  # px of the picture


@dataclass
class _Shown:
    """Faces with their uncertainties, and the photos that are not shown."""

    faces: list[tuple[float, Card]]
    without_face: list[str]
    failed: dict[str, str]  # photo and reason


def own_photos_section() -> Section:
    """Show the faces of the user's photos, from the most to the least certain prediction."""
    files = list_photos(PHOTOS) if PHOTOS.is_dir() else InputFiles()
    shown, file, problem = _Shown([], [], {}), Path(), ""
    predictor = None
    try:
        file = model_file(None)
        predictor = open_model(file, "cpu")[1]()
    except ModelFileError as error:
        problem = str(error)
    else:
        for path in files.paths:
            _add_photo(shown, path, predictor)
    shown.faces.sort(key=lambda face: face[0])
    body = render(
        "own_photos.html",
        model=predictor.info if predictor else None,
        file=file.relative_to(ROOT) if predictor else None,
        nme=validation_nme(file) if predictor else None,
        problem=problem,
        portrait=PORTRAIT,
        cards=[card for _, card in shown.faces],
        without_face=shown.without_face,
        failed=shown.failed,
        left_out=_describe_left_out(files),
    )
    return Section("own-photos", "Your own photos", body)


def _describe_left_out(files: InputFiles) -> str:
    """Numbers of the user's files that are not photos, by kind; empty if there are none."""
    numbers = files.left_out - Counter({"other file": int((PHOTOS / "README.md").is_file())})
    shown = {kind: number for kind, number in numbers.items() if kind not in SYSTEM_KINDS}
    return ", ".join(count(number, kind) for kind, number in shown.items())


def _add_photo(shown: _Shown, path: Path, predictor: Predictor) -> None:
    """Add the faces of a photo, or the reason why there are none."""
    # A name may not be valid Unicode, and the locale may have another encoding.
    name = os.fsencode(path.name).decode(errors="surrogateescape")
    name = name.encode(errors="replace").decode()
    try:
        photo = read_image(path)
        crops = crop_faces(photo, detect_faces(photo), predictor.format)
        cards = [
            _face_card(photo, face, name, predictor) for face in predict_faces(predictor, crops)
        ]
    except PhotoError as error:
        shown.failed[name] = first_line(error).removeprefix(f"{path}: ")
    except Exception as error:  # a photo may break a decoder or OpenCV in any way; see the others
        shown.failed[name] = f"{type(error).__name__}: {first_line(error)}"
    else:
        shown.faces += cards
        shown.without_face += [] if cards else [name]


def _face_card(
    photo: NDArray[np.uint8], face: PredictedFace, name: str, predictor: Predictor
) -> tuple[float, Card]:
    """The disagreement of the predictions for a face, and its card."""
    info = predictor.info
    alt = f"A face of your photo {name}, predicted by {info.name}"
    text = describe_certainty([face], model_parts(info))
    return face.disagreement, Card(_face_picture(photo, face, info, alt), name, text)


def _face_picture(
    photo: NDArray[np.uint8], face: PredictedFace, info: ModelInfo, alt: str
) -> Markup:
    x0, y0, x1, y1 = (round(side) for side in enlarge_box(face.box, _BOX_SCALE, _BOX_SCALE))
    left, top = max(x0, 0), max(y0, 0)
    piece = photo[top:y1, left:x1]
    scale = min(1.0, _MAX_SIDE / max(piece.shape[:2]))
    size = (round(piece.shape[1] * scale), round(piece.shape[0] * scale))
    small = cv2.resize(piece, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    landmarks = (face.landmarks_photo - (left, top) + 0.5) * scale - 0.5
    contours = select_contours(SCHEMES[info.scheme], info.points) if face.is_certain else ()
    return face_picture(small, alt=alt, predicted=landmarks, contours=contours)
