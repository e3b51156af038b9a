"""Face detection on photos of 300-W: recall, false detections, NME and time.

Of the validation and test faces, whose boxes are public, photos with landmarks also give the NME.
The photos of IMM, a third of them of turned heads, show how far the network's eye and mouth corners
are from those of another data set.
`--crops DIR` writes the missed faces and all other detections, to be looked at: most of them are
further faces of the photos.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from measurement import Measurement, Size
from numpy.typing import NDArray
from PIL import Image

from keypoints.annotation.default_model import PRETRAINED, open_model
from keypoints.annotation.detection import detect_faces
from keypoints.annotation.face_crops import FaceBox, crop_upright
from keypoints.annotation.predictor import PredictedFace, Predictor, crop_faces, predict_faces
from keypoints.core.geometry import apply_map, enlarge_box, resize_map, rotation
from keypoints.core.landmarks import IBUG_68, IMM_58
from keypoints.core.types import Array
from keypoints.datasets import imm
from keypoints.datasets.ibug import DATASET
from keypoints.download.unpack import unpack
from keypoints.evaluation.drawing import tile_grid
from keypoints.faces.face import Face
from keypoints.faces.images import read_photo

ARCHIVE, IMM_ARCHIVE = "ibug_300W_large_face_landmark_dataset.tar.gz", "imm_face_db.tar.gz"
VAL_FRACTION = 0.1  # as in params.yaml
MAX_OFFSET, SIDES = 0.4, (0.5, 1.8)  # of a detection from the given box, in sides of it
TILE = 160  # px
IMM_CORNERS, IBUG_CORNERS = [13, 17, 21, 25, 39, 43], [45, 42, 36, 39, 48, 54]  # eyes and mouth
Photo = NDArray[np.uint8]
Change = Callable[[Photo], tuple[Photo, Array]]  # returns a photo and the map to it


def rotate(degrees: float) -> Change:
    """Turn a photo clockwise in the middle of a gray canvas that contains it."""

    def change(photo: Photo) -> tuple[Photo, Array]:
        height, width = photo.shape[:2]
        to_canvas = rotation(degrees, (0, 0))
        corners = apply_map(to_canvas, np.array([[0, 0], [width, 0], [width, height], [0, height]]))
        to_canvas[:, 2] -= corners.min(axis=0)
        size = np.ceil(np.ptp(corners, axis=0) - 1e-6).astype(int).tolist()
        turned = cv2.warpAffine(photo, to_canvas, size, borderValue=(128, 128, 128))
        return turned.astype(np.uint8, copy=False), to_canvas

    return change


def shrink(factor: int) -> Change:
    """Shrink a photo."""

    def change(photo: Photo) -> tuple[Photo, Array]:
        size = photo.shape[0] // factor, photo.shape[1] // factor
        small = cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA)
        to_small = resize_map((0, 0, photo.shape[1], photo.shape[0]), size)
        return small.astype(np.uint8, copy=False), to_small

    return change


CHANGES: dict[str, tuple[Change, float]] = {  # and the recall that is the target
    "upright": (lambda photo: (photo, np.eye(2, 3)), 0.995),
    "at one third of the size": (shrink(3), 0.995),
    **{
        f"rotated by {angle}": (rotate(angle), target)
        for angle, target in ((30, 0.99), (60, 0.97), (90, 0.95), (180, 0.95))
    },
}


@dataclass
class Result:
    """What was detected in the photos after one change."""

    n_found: int = 0
    n_certain: int = 0
    n_photos_with_others: int = 0
    seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)  # NME of faces that were found
    given_errors: list[float] = field(default_factory=list)  # of these, in given upright boxes
    tiles: dict[str, Photo] = field(default_factory=dict)  # of others and of missed faces


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Measure on the photos of a mirror; `rendered` is not used."""
    if size.mirror is None:
        raise SystemExit("detect: needs --mirror, a folder that contains the archive of 300-W")
    cv2.setNumThreads(1)  # as annotate.py does
    unpack(size.mirror / ARCHIVE, folder)
    faces = DATASET.read(folder)
    split = DATASET.split(faces, VAL_FRACTION)
    faces = [face for face in faces if split(face) != "train" and "_mirror" not in face.name]
    faces = faces[:: 1 if size.rounds > 1 else 40]
    predictor = open_model(PRETRAINED, "auto")[1]()
    for name, (change, target) in CHANGES.items():
        result = detect_all(folder, faces, change, predictor)
        yield from _describe(name, result, len(faces), target)
        if size.crops is not None:
            _write_tiles(size.crops / f"{name.replace(' ', '_')}.jpg", result.tiles)
    yield from _measure_large_photos(folder, faces)
    unpack(size.mirror / IMM_ARCHIVE, folder / "imm")
    step = 1 if size.rounds > 1 else 40
    yield _measure_corners(folder / "imm", predictor, step)


def detect_all(folder: Path, faces: Sequence[Face], change: Change, predictor: Predictor) -> Result:
    """Detect the faces of changed photos, and predict their landmarks."""
    result = Result()
    for face in faces:
        photo = read_photo(folder / face.photo, colour=True)
        changed, to_changed = change(photo)
        start = time.thread_time()
        detected = detect_faces(changed)
        result.seconds.append(time.thread_time() - start)
        box = np.reshape(face.box, (2, 2)).mean(axis=0)
        centre = apply_map(to_changed, box[None])[0]
        scale = abs(np.linalg.det(to_changed[:, :2])) ** 0.5
        side = scale * (face.box[2] - face.box[0])
        matching = [other for other in detected if _is_match(other, centre, side)]
        others = [other for other in detected if other not in matching]
        result.n_photos_with_others += bool(others)
        for number, other in enumerate(others):
            result.tiles[f"{face.name} {number} {other.score:.2f}"] = _tile(changed, other)
        if not matching:
            result.tiles[f"{face.name} missed"] = cv2.resize(changed, (TILE, TILE)).astype("u1")
            continue
        result.n_found += 1
        found = predict_faces(predictor, crop_faces(changed, matching[:1], predictor.format))[0]
        result.n_certain += found.is_certain
        if face.landmarks_photo is not None:
            target = apply_map(to_changed, face.landmarks_photo)
            given = predict_faces(
                predictor, crop_faces(photo, [FaceBox(face.box)], predictor.format)
            )[0]
            result.errors.append(_nme(found, target))
            result.given_errors.append(_nme(given, face.landmarks_photo))
    return result


def _is_match(face: FaceBox, centre: Array, side: float) -> bool:
    offset = np.hypot(*np.subtract(face.centre, centre)) / side
    return offset < MAX_OFFSET and SIDES[0] < (face.box[2] - face.box[0]) / side < SIDES[1]


def _nme(face: PredictedFace, target: Array) -> float:
    left, right = (target[corner] for corner in IBUG_68.eye_corners)
    distances = np.linalg.norm(face.landmarks_photo - target, axis=1)
    return float(distances.mean() / np.linalg.norm(right - left))


def _describe(name: str, result: Result, n_faces: int, target: float) -> Iterator[Measurement]:
    yield Measurement(
        f"faces found / all, {name}",
        result.n_found / n_faces,
        f">= {target}",
        f"{result.n_found} / {n_faces}",
    )
    yield Measurement(
        f"photos with other detections / all, {name}",
        result.n_photos_with_others / n_faces,
        "look at --crops",
        f"{result.n_photos_with_others} / {n_faces}",
    )
    yield Measurement(
        f"certain faces / faces found, {name}",
        result.n_certain / max(1, result.n_found),
        "",
        f"{result.n_certain} / {result.n_found}",
    )
    errors = np.mean(result.errors), np.mean(result.given_errors)
    yield Measurement(
        f"NME in detected boxes / in given upright ones, {name}",
        float(errors[0] / errors[1]),
        "<= 1.05",
        f"{errors[0]:.4f} / {errors[1]:.4f}",
    )
    milliseconds = 1000 * float(np.mean(result.seconds))
    yield Measurement(
        f"processor time of detection / 25 ms, {name}",
        milliseconds / 25,
        "<= 1" if name == "upright" else "",
        f"{milliseconds:.1f} ms",
    )


def _measure_large_photos(folder: Path, faces: Sequence[Face]) -> Iterator[Measurement]:
    """Faces of validation photos, pasted into large gray photos."""
    for n_faces, side, size in (
        (12, 180, (3000, 4000)),
        (1, 92, (1600, 2400)),
        (12, 40, (3000, 4000)),
    ):
        canvas = np.full((*size, 3), 128, np.uint8)
        columns, rows = (4, 3) if n_faces > 1 else (1, 1)
        for number, face in zip(range(n_faces), faces, strict=False):
            photo = read_photo(folder / face.photo, colour=True)
            scale = side / (face.box[2] - face.box[0])
            small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            x = (number % columns * 2 + 1) * size[1] // (2 * columns)
            y = (number // columns * 2 + 1) * size[0] // (2 * rows)
            canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
        start = time.thread_time()
        n_found = len(detect_faces(canvas))
        seconds = time.thread_time() - start
        yield Measurement(
            f"{n_faces} faces of {side} px in {size[1]} x {size[0]} px, found / all",
            n_found / n_faces,
            ">= 1",
            f"{n_found} / {n_faces}, {1000 * seconds:.0f} ms",
        )


def _measure_corners(folder: Path, predictor: Predictor, step: int) -> Measurement:
    """Errors of eye and mouth corners in photos of IMM, relative to the inter-ocular distance."""
    errors = []
    for face in imm.DATASET.read(folder)[::step]:
        photo = read_photo(folder / face.photo, colour=True)
        crops = crop_faces(photo, detect_faces(photo)[:1], predictor.format)
        for found in predict_faces(predictor, crops):
            target = face.landmarks_photo
            assert target is not None, "all photos of IMM are annotated"
            left, right = (target[corner] for corner in IMM_58.eye_corners)
            distances = found.landmarks_photo[IBUG_CORNERS] - target[IMM_CORNERS]
            errors.append(np.linalg.norm(distances, axis=1) / np.linalg.norm(right - left))
    of_points, of_faces = (
        float(np.percentile(each, 95)) for each in (errors, np.mean(errors, axis=1))
    )
    return Measurement(
        "95th percentile of eye and mouth corners of IMM / inter-ocular distance",
        of_points,
        "<= 0.06",
        f"{len(errors)} faces, {np.mean(errors):.4f} on average, means of faces {of_faces:.4f}",
    )


def _tile(photo: Photo, face: FaceBox) -> Photo:
    x0, y0, x1, y1 = map(round, enlarge_box(face.box, 2.0, 2.0))
    return crop_upright(photo, face, (x0, y0, x1, y1), (TILE, TILE))[0]


def _write_tiles(path: Path, tiles: dict[str, Photo]) -> None:
    if tiles:
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [name.split("/")[-1] for name in tiles]
        Image.fromarray(tile_grid([*tiles.values()], names, columns=8)).save(path)
