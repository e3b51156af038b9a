"""Face detection from coarse to fine with YuNet, of heads in any orientation."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, product

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.face_crops import FaceBox, crop_upright
from keypoints.annotation.yunet import RawFaces, run_yunet
from keypoints.core.geometry import (
    apply_map,
    compose,
    enlarge_box,
    invert,
    resize_map,
    rotation,
    translation,
)
from keypoints.core.types import Array
from keypoints.crops.cropping import crop_and_resize

_COARSE_SIDE, _MIDDLE_SIDE = 320, 1000  # px, longer sides of the photo for large faces
_MIN_FACE_SIDE, _MIN_FACE_FRACTION = 20, 0.01  # px or fraction of the longer side; the larger holds
_DETECTABLE_SIDE = 22  # px of such a face in an image; YuNet finds half of the faces of 16 px
_MAX_TILE, _TILE_OVERLAP = 1280, 96  # px; larger images are cut into tiles, to save memory

_MIN_CANDIDATE, _MIN_CLEAR = 0.2, 0.5  # candidates between these are weak
_MIN_SCORE, _MIN_WEAK_SCORE = 0.8, 0.85  # in a close-up: of clear and weak candidates
_MIN_TURNED_SCORE, _MIN_OTHER_ANGLE_SCORE, _MAX_ANGLE = 0.85, 0.9, 60.0
_CONFIDENT_SCORE = 0.92  # heads that are turned by more than 45 degrees do not have it
_CERTAIN_SCORE = 0.94  # of a close-up, unless the face looked upright before it, as given here:
_UPRIGHT_SCORE, _MAX_UPRIGHT_ANGLE = 0.9, 45.0  # degrees
_TURNED_PENALTY = 0.0001  # per degree
_N_ANGLES = 3  # that are refined, of eight
_MIN_TURN, _MAX_SCORE_GAP = 40.0, 0.03  # degrees; of alternatives
_MAX_OVERLAP = 0.5  # of the smaller box; those that overlap more show one face

# YuNet's points show the angle of a head only if the face is large, and then too little of it.
_LARGE_SIDE, _SMALL_ANGLE = 110, 12.0  # px of the image, degrees
_CLOSE_UP_SIDE, _CLOSE_UP_BOXES = 256, 1.5  # px, and boxes, across an upright crop of a face
_SKETCH_SIDE = 128  # px of a close-up that only has to show whether the face is upright
_N_CLOSE_UPS = 4  # at most

# Medians over training faces of 300-W, measured by benchmarks/face_boxes.py: where the lists'
# boxes lie relative to YuNet's boxes and eyes, in sides of YuNet's box.
_EYES_WEIGHT, _BELOW, _BOX_SIDE = 0.875, 0.168, 0.916

Image = tuple[NDArray[np.uint8], Array]  # pixels, and the map from the photo to them


def detect_faces(photo: NDArray[np.uint8], *, thorough: bool = False) -> list[FaceBox]:
    """Detect faces in any orientation and return boxes like those of 300-W, the largest first.

    Faces of at least 20 px or 1 % of the longer side, whichever is larger, are found. If no upright
    face is detected with confidence, the photo is also searched in three other orientations, there
    for faces of at least 3 % of the longer side.

    Args:
        photo: Grayscale (height, width) or RGB (height, width, 3) pixels.
        thorough: Search in all orientations, whatever is found.
    """
    rgb = cv2.cvtColor(photo, cv2.COLOR_GRAY2RGB) if photo.ndim == 2 else photo
    rgb = rgb.astype(np.uint8, copy=False)
    images = _resize(rgb)
    to_coarse = images[-1][1]
    found = _search(chain.from_iterable(map(_cut, images)), (0,), _MIN_CANDIDATE)
    faces = [_align(rgb, face, to_coarse) for face in non_max_suppression(found)]
    confident = [face for face in faces if face.score >= _CONFIDENT_SCORE]
    if thorough or not any(abs(face.rotation) <= _MAX_UPRIGHT_ANGLE for face in confident):
        whole = [image for image in images if max(image[0].shape) <= _MAX_TILE]
        found = non_max_suppression(_search(whole, (1, 2, 3), _MIN_CLEAR))
        new = [
            face
            for face in found
            if all(overlap(face, other) < _MAX_OVERLAP for other in confident)
        ]
        faces += [_align(rgb, face, to_coarse) for face in new]
    best = max(faces, key=lambda face: face.score, default=None)
    kept = [face for face in faces if best and face.score >= _min_score(face, best)]
    return sorted(non_max_suppression(kept), key=lambda face: face.box[0] - face.box[2])


def _min_score(face: FaceBox, best: FaceBox) -> float:
    """The score that a face needs beside the best one: more if it or the photo is turned."""
    if _angle_between(face, best) > _MAX_ANGLE:
        return _MIN_OTHER_ANGLE_SCORE
    is_turned = face is not best and abs(best.rotation) > _MAX_UPRIGHT_ANGLE
    return _MIN_TURNED_SCORE if is_turned else _MIN_SCORE


def non_max_suppression(faces: Iterable[FaceBox]) -> list[FaceBox]:
    """Keep the face with the highest score of those whose boxes overlap, the best first."""
    kept: list[FaceBox] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(overlap(face, other) < _MAX_OVERLAP for other in kept):
            kept.append(face)
    return kept


def overlap(one: FaceBox, other: FaceBox) -> float:
    """Intersection of two boxes as a fraction of the smaller one; their angles are ignored."""
    (left, top, right, bottom), box = one.box, other.box
    width = min(right, box[2]) - max(left, box[0])
    height = min(bottom, box[3]) - max(top, box[1])
    smaller = min((right - left) * (bottom - top), (box[2] - box[0]) * (box[3] - box[1]))
    return max(width, 0) * max(height, 0) / smaller


def _resize(photo: NDArray[np.uint8]) -> list[Image]:
    """The photo at the size that small faces need and, if that is large, at smaller ones."""
    height, width = photo.shape[:2]
    longer = max(height, width)
    smallest = max(_MIN_FACE_SIDE, _MIN_FACE_FRACTION * longer)
    sides = [longer * _DETECTABLE_SIDE / smallest]
    sides += [side for side in (_MIDDLE_SIDE, _COARSE_SIDE) if sides[0] > 1.28 * side]
    images: list[Image] = []
    for side in sides:
        larger = images[-1][0] if images else photo
        whole = 0, 0, larger.shape[1], larger.shape[0]
        size = max(1, round(height * side / longer)), max(1, round(width * side / longer))
        image = crop_and_resize(larger, whole, size)
        images.append((image, resize_map((0, 0, width, height), size)))
    return images


def _cut(image: Image) -> Iterator[Image]:
    """Cut an image into overlapping tiles, or return it if it is small."""
    pixels, to_image = image
    spans = [_spans(side) for side in pixels.shape[:2]]
    for (top, bottom), (left, right) in product(*spans):
        yield pixels[top:bottom, left:right], compose(translation(-left, -top), to_image)


def _spans(length: int) -> list[tuple[int, int]]:
    n_tiles = max(1, math.ceil((length - _TILE_OVERLAP) / (_MAX_TILE - _TILE_OVERLAP)))
    step = math.ceil((length - _TILE_OVERLAP) / n_tiles) if n_tiles > 1 else length
    return [
        (start, min(start + step + _TILE_OVERLAP, length))
        for start in range(0, max(1, length - _TILE_OVERLAP), max(1, step))
    ]


def _search(images: Iterable[Image], turns: Iterable[int], min_score: float) -> list[FaceBox]:
    """Detect faces in images of a photo after a number of quarter turns counterclockwise."""
    found = []
    for (image, to_image), turn in product(images, turns):
        turned = np.ascontiguousarray(np.rot90(image, turn))
        turn_map = rotation(-90.0 * turn, (0, 0))
        height, width = image.shape[:2]
        corners = apply_map(turn_map, np.array([[0.0, 0.0], [width - 1, height - 1]]))
        turn_map[:, 2] -= corners.min(axis=0)
        found += _to_face_boxes(run_yunet(turned, min_score), invert(compose(turn_map, to_image)))
    return found


def _align(photo: NDArray[np.uint8], face: FaceBox, to_coarse: Array) -> FaceBox:
    """Find the angle of a head, unless it is large and upright without any doubt.

    Its score becomes that of an upright close-up, if one shows a face.
    """
    side = (face.box[2] - face.box[0]) * to_coarse[0, 0]
    is_upright = abs(face.rotation) <= _SMALL_ANGLE and face.score >= _CONFIDENT_SCORE
    if is_upright and side >= _LARGE_SIDE:
        return face
    best = _refine(photo, face)
    if face.score < _MIN_CLEAR:
        return best if best.score >= _MIN_WEAK_SCORE else face
    was_upright = abs(face.rotation) <= _MAX_UPRIGHT_ANGLE and face.score >= _UPRIGHT_SCORE
    if best.score >= (_CONFIDENT_SCORE if was_upright else _CERTAIN_SCORE):
        return best
    turned = [replace(face, rotation=face.rotation + turn) for turn in range(45, 360, 45)]
    close_ups = sorted((_look_closer(photo, each, _SKETCH_SIDE) for each in turned), key=_rank)
    likely = [best, *(_refine(photo, each) for each in close_ups[-_N_ANGLES:])]
    best, *others = sorted(likely, key=_rank, reverse=True)
    if not best.score:
        return face
    alternatives: list[FaceBox] = []
    for other in others:
        is_new = all(_angle_between(other, each) > _MIN_TURN for each in (best, *alternatives))
        if is_new and other.score > best.score - _MAX_SCORE_GAP:
            alternatives.append(other)
    return replace(best, alternatives=tuple(alternatives))


def _rank(face: FaceBox) -> float:
    """Score, a little lower for turned heads: upright ones are far more frequent."""
    return face.score - _TURNED_PENALTY * abs((face.rotation + 180) % 360 - 180)


def _refine(photo: NDArray[np.uint8], face: FaceBox) -> FaceBox:
    """Turn a face upright in close-ups until none of them shows a remaining angle."""
    for _ in range(_N_CLOSE_UPS):
        closer = _look_closer(photo, face)
        if not closer.score or _angle_between(closer, face) <= _SMALL_ANGLE:
            return closer
        face = closer
    return face


def _angle_between(one: FaceBox, other: FaceBox) -> float:
    """Angle between two heads, 0 to 180 degrees."""
    return abs((one.rotation - other.rotation + 180) % 360 - 180)


def _look_closer(photo: NDArray[np.uint8], face: FaceBox, side: int = _CLOSE_UP_SIDE) -> FaceBox:
    """Detect a face again in a close-up that its angle turns upright."""
    x0, y0, x1, y1 = map(round, enlarge_box(face.box, _CLOSE_UP_BOXES, _CLOSE_UP_BOXES))
    region = x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
    crop, to_crop = crop_upright(photo, face, region, (side, side))
    found = _to_face_boxes(run_yunet(crop, _MIN_CLEAR), invert(to_crop))
    same = [other for other in found if overlap(face, other) >= _MAX_OVERLAP]
    return max(same, key=lambda other: other.score, default=replace(face, score=0.0))


def _to_face_boxes(faces: RawFaces, to_photo: Array) -> list[FaceBox]:
    """Boxes like those of 300-W, from detections and the map of their image to the photo."""
    points = apply_map(to_photo, faces.points)
    centres = apply_map(to_photo, faces.boxes.reshape(-1, 2, 2).mean(axis=1))
    sizes = faces.boxes[:, 2:] - faces.boxes[:, :2]
    sides = np.sqrt(sizes.prod(axis=1) * abs(np.linalg.det(to_photo[:, :2])))
    eyes = points[:, :2].mean(axis=1)
    across = points[:, 1] - points[:, 0]
    angles = np.arctan2(across[:, 1], across[:, 0])
    down = np.stack([-np.sin(angles), np.cos(angles)], axis=-1)
    centres += _EYES_WEIGHT * (eyes - centres) + _BELOW * sides[:, None] * down
    halves = _BOX_SIDE / 2 * sides[:, None]
    boxes = np.concatenate([centres - halves, centres + halves], axis=-1).tolist()
    return [
        FaceBox((x0, y0, x1, y1), angle, score)
        for (x0, y0, x1, y1), angle, score in zip(
            boxes, np.rad2deg(angles).tolist(), faces.scores.tolist(), strict=True
        )
    ]
