"""Section of the photos in data/photos/, predicted by the best model that uses face boxes."""

from pathlib import Path

import cv2
import numpy as np
import torch
from markupsafe import Markup
from numpy.typing import NDArray

from keypoints.annotation.detection import detect_faces
from keypoints.annotation.images import PhotoError, read_image
from keypoints.annotation.inputs import PHOTO_SUFFIXES
from keypoints.annotation.predictor import PredictedFace, crop_faces, predict_faces
from keypoints.annotation.torch_predictor import torch_predictor
from keypoints.core.geometry import enlarge_box
from keypoints.models.predict import TrainedModel
from keypoints.report.components import Card
from keypoints.report.pictures import face_picture
from keypoints.report.runs import ModelRun, TaskRun
from keypoints.report.template import Section, render

PHOTOS = Path("data/photos")
_BOX_SCALE = 1.8  # size of the picture relative to the box
_MAX_SIDE = 320  # px of the picture


def own_photos_section(tasks: list[TaskRun]) -> Section:
    """Show the faces of the user's photos; without photos, describe how to add some."""
    models = [task.best for task in tasks if task.settings.box_scale is not None]
    model = min(models, key=lambda model: model.scores["nme"], default=None)
    photos = sorted(path for path in PHOTOS.glob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    cards: list[Card] = []
    without_face: list[str] = []
    unreadable: list[str] = []
    for path in photos:
        try:
            found = _face_cards(model, path) if model else []
        except PhotoError:
            unreadable.append(path.name)
        else:
            cards += found
            without_face += [] if found else [path.name]
    body = render(
        "own_photos.html",
        model=model,
        photos=photos,
        cards=cards,
        without_face=without_face,
        unreadable=unreadable,
    )
    return Section("own-photos", "Your own photos", body)


def _face_cards(model: ModelRun, path: Path) -> list[Card]:
    photo = read_image(path)
    predictor = torch_predictor(TrainedModel(model.network, model.info), torch.device("cpu"))
    faces = predict_faces(predictor, crop_faces(photo, detect_faces(photo), predictor.format))
    alt = f"A face of your photo {path.name} with the landmarks predicted by {model.name}"
    return [Card(_face_picture(photo, face, alt), path.name) for face in faces]


def _face_picture(photo: NDArray[np.uint8], face: PredictedFace, alt: str) -> Markup:
    x0, y0, x1, y1 = (round(side) for side in enlarge_box(face.box, _BOX_SCALE, _BOX_SCALE))
    left, top = max(x0, 0), max(y0, 0)
    piece = photo[top:y1, left:x1]
    scale = min(1.0, _MAX_SIDE / max(piece.shape[:2]))
    size = (round(piece.shape[1] * scale), round(piece.shape[0] * scale))
    small = cv2.resize(piece, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    landmarks = (face.landmarks_photo - (left, top) + 0.5) * scale - 0.5
    return face_picture(small, alt=alt, predicted=landmarks)
