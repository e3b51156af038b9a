"""Glasses on the head, the peak of a cap, and hands or objects before the face."""

import cv2
import numpy as np

from keypoints.sources.rendered.look import Look
from keypoints.sources.rendered.raster import Camera

_SHIFT = 4


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * 2**_SHIFT).astype(np.int32)


def _cover(canvas: np.ndarray, mask: np.ndarray, colour: np.ndarray, opacity: float) -> None:
    """Blend a colour over the canvas where a mask, uint8, is set."""
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        return
    window = np.s_[y : y + height, x : x + width]
    weight = mask[window].astype(np.float32)[..., None] * (opacity / 255)
    canvas[window] = (canvas[window] + (colour - canvas[window]) * weight).astype(np.uint8)


def put_on_glasses(
    canvas: np.ndarray, look: Look, landmarks: np.ndarray, camera: Camera, rng: np.random.Generator
) -> None:
    """Draw glasses around the eyes.

    Args:
        canvas: uint8 (height, width, 3), drawn on in place.
        look: Says which glasses, and the pose.
        landmarks: The 68 upright landmarks in the head frame, (68, 3).
        camera: The projection.
        rng: Draws their shape and colour.
    """
    if look.person.glasses == "none":
        return
    dark = look.person.glasses == "dark"
    roundness = rng.uniform(1.6, 5.0)
    half_width, half_height = rng.uniform(0.24, 0.3), rng.uniform(0.15, 0.24)
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    across = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / roundness) * half_width
    down = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / roundness) * half_height
    frame_colour = rng.uniform(0, 70, 3) if rng.random() < 0.7 else rng.uniform(0, 255, 3)
    width = max(1, round(camera.scale * rng.uniform(0.012, 0.045)))
    rims = []
    for first, side in ((36, -1), (42, 1)):
        centre = landmarks[first : first + 6].mean(axis=0) + (side * 0.02, 0.03, 0)
        depth = 0.2 - 0.12 * np.abs(across + side * 0.1) - centre[2]
        rim = centre + np.stack([across, down, depth], axis=1)
        rims.append(camera.project(rim)[:, :2])
        lens = np.zeros(canvas.shape[:2], np.uint8)
        cv2.fillPoly(lens, [_fixed(rims[-1])], 255, cv2.LINE_AA, _SHIFT)
        tint = rng.uniform(0, 40, 3) if dark else rng.uniform(150, 255, 3)
        _cover(canvas, lens, tint, rng.uniform(0.85, 1.0) if dark else rng.uniform(0, 0.2))
        cv2.polylines(
            canvas, [_fixed(rims[-1])], True, frame_colour.tolist(), width, cv2.LINE_AA, _SHIFT
        )
        _draw_temple(canvas, look, landmarks, side, half_width, frame_colour, width, camera)
    bridge = np.stack([rims[0][0], rims[1][20]])
    cv2.polylines(
        canvas, [_fixed(bridge)], False, frame_colour.tolist(), width, cv2.LINE_AA, _SHIFT
    )


def _draw_temple(
    canvas: np.ndarray,
    look: Look,
    landmarks: np.ndarray,
    side: int,
    half_width: float,
    colour: np.ndarray,
    width: int,
    camera: Camera,
) -> None:
    """Draw the arm to the ear, on the side that the camera sees."""
    if side * look.pose.yaw > 8:
        return
    eye = landmarks[36:42].mean(axis=0) if side < 0 else landmarks[42:48].mean(axis=0)
    hinge = eye + (side * (half_width + 0.02), 0, 0.08 - eye[2])
    ear = np.array([side * 0.9, 0.0, -0.7])
    arm = camera.project(np.stack([hinge, ear]))[:, :2]
    cv2.polylines(canvas, [_fixed(arm)], False, colour.tolist(), width, cv2.LINE_AA, _SHIFT)


def put_in_front(
    canvas: np.ndarray,
    look: Look,
    face_centre: np.ndarray,
    face_size: float,
    rng: np.random.Generator,
) -> None:
    """Draw a hand or an object over the edge of the face."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    angle = rng.uniform(0, 2 * np.pi)
    outward = np.array([np.cos(angle), np.sin(angle)])
    start = face_centre + outward * face_size * rng.uniform(0.35, 0.6)
    if rng.random() < 0.6:
        colour = np.sqrt(look.person.skin * rng.uniform(0.5, 1.0)) * 255
        _draw_fingers(canvas, mask, colour, start, outward, face_size, rng)
    else:
        box = (start.tolist(), (face_size * rng.uniform(0.1, 0.5), face_size * rng.uniform(0.2, 0.9)),
               rng.uniform(0, 90))  # fmt: skip
        cv2.fillConvexPoly(mask, _fixed(cv2.boxPoints(box)), 255, cv2.LINE_AA, _SHIFT)
        _cover(canvas, mask, rng.uniform(0, 255, 3), 1.0)


def _draw_fingers(
    canvas: np.ndarray,
    mask: np.ndarray,
    colour: np.ndarray,
    start: np.ndarray,
    outward: np.ndarray,
    face_size: float,
    rng: np.random.Generator,
) -> None:
    """Four parallel capsules, dark between, and the palm they grow from."""
    along = np.array([-outward[1], outward[0]])
    thick = face_size * rng.uniform(0.07, 0.1)
    for finger in range(4):
        tip = (
            start + along * (finger - 1.5) * thick * 1.05 - outward * thick * rng.uniform(0.5, 2.0)
        )
        root = start + along * (finger - 1.5) * thick + outward * face_size * 0.7
        for shade, size in ((0.6, 1.0), (0.9, 0.82), (1.0, 0.5)):
            mask[:] = 0
            cv2.polylines(mask, [_fixed(np.stack([tip, root]))], False, 255,
                          max(1, round(thick * size)), cv2.LINE_AA, _SHIFT)  # fmt: skip
            _cover(canvas, mask, colour * shade, 1.0 if size == 1 else 0.6)
