"""Faces of any photo: boxes by OpenCV's frontal cascade, points by a network that takes a box."""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from keypoints.crops import CropFormat
from keypoints.cutting import cut_crop, region_of
from keypoints.faces import Box
from keypoints.geometry import apply_map, compose, invert, resize_map, unit_map
from keypoints.inference import TrainedSettings

_CASCADE = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
_LONGEST_SIDE = 800  # px; larger photos are shrunk: finer faces than this cost time, and false ones
_SIDE, _LOWER = 0.90, 0.06  # of a box of the 300-W lists, in sides of the cascade's own (292 faces)
_SMALLEST_FACE = 0.08  # of the photo's shorter side


def detect_faces(photo: NDArray[np.uint8]) -> list[Box]:
    """Find frontal, upright faces, with boxes like those of the 300-W lists.

    Args:
        photo: (height, width) grey or (height, width, 3) in red, green, blue order.

    Returns:
        Boxes in photo pixels, the largest first; empty where none is seen.

    Source: Viola and Jones, Rapid object detection using a boosted cascade, 2001.
    """
    grey = photo if photo.ndim == 2 else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, _LONGEST_SIDE / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.equalizeHist(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    smallest = max(20, round(_SMALLEST_FACE * min(size)))
    cascade = cv2.CascadeClassifier(str(_CASCADE))
    found = cascade.detectMultiScale(
        small, scaleFactor=1.1, minNeighbors=6, minSize=(smallest, smallest)
    )
    boxes = [_like_the_lists(*(float(value) / scale for value in face)) for face in found]
    return sorted(boxes, key=lambda box: box[0] - box[2])


def _like_the_lists(x: float, y: float, width: float, height: float) -> Box:
    middle_x, middle_y = x + width / 2, y + height * (0.5 + _LOWER)
    half = width * _SIDE / 2
    return middle_x - half, middle_y - half, middle_x + half, middle_y + half


def predict_in_boxes(
    network: nn.Module, settings: TrainedSettings, photo: NDArray[np.uint8], boxes: list[Box]
) -> NDArray[np.floating]:
    """Predict the points of some faces of one photo.

    Args:
        network: Of a task that cuts faces around their boxes.
        settings: That it was trained with.
        photo: (height, width, 3) in red, green, blue order.
        boxes: In photo pixels.

    Returns:
        Points in photo pixels, (n_boxes, n_points, 2).
    """
    task = settings.task
    format_ = CropFormat(
        height=task.height,
        width=task.width,
        margin=0,
        colour=task.colour,
        enlarge=task.enlarge,
        scheme=settings.scheme,
    )
    pixels = photo if task.colour else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    landmarks = np.empty((len(boxes), len(settings.points), 2))
    for number, box in enumerate(boxes):
        region = region_of(box, pixels.shape[:2], format_)
        crop = cut_crop(pixels.astype(np.uint8, copy=False), region, task.input_size)
        images = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            landmarks_unit = network(images)[0].numpy()
        photo_to_unit = compose(unit_map(task.input_size), resize_map(region, task.input_size))
        landmarks[number] = apply_map(invert(photo_to_unit), landmarks_unit.astype(float))
    return landmarks
