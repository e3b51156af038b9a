"""Glasses, hands and objects in front of a rendered head."""

import cv2
import numpy as np

from keypoints.rendered.raster import SHIFT, Camera, fixed_point
from keypoints.rendered.scene import Glasses, Scene

_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)


def render_glasses(
    canvas: np.ndarray, glasses: Glasses, landmarks: np.ndarray, camera: Camera
) -> None:
    """Render glasses around the eyes.

    Args:
        canvas: Photo, uint8 (height, width, 3), modified in place.
        glasses: Shape and colours.
        landmarks: iBUG-68 landmarks of the upright head, (68, 3), in inter-ocular distances.
        camera: Camera of the photo.
    """
    width = max(1.0, camera.scale * glasses.rim)
    rims = []
    for eye, side in ((_LEFT_EYE, -1), (_RIGHT_EYE, 1)):
        middle = landmarks[eye].mean(axis=0)
        rim = camera.project(_rim(glasses, middle, side))[:, :2]
        lens = np.zeros(canvas.shape[:2], np.uint8)
        cv2.fillPoly(lens, [fixed_point(rim)], 255, cv2.LINE_AA, SHIFT)
        _blend(canvas, lens, glasses.lens_colour, glasses.opacity)
        _render_line(canvas, rim, width, glasses.rim_colour, closed=True)
        # The temple on the far side is behind the head.
        if side * camera.rotation[0, 2] < 0.14:
            hinge = middle + (side * (glasses.half_size[0] + 0.02), 0, 0.08 - middle[2])
            ear = np.array([side * 0.9, 0.0, -0.7])
            temple = camera.project(np.stack([hinge, ear]))[:, :2]
            _render_line(canvas, temple, width, glasses.rim_colour)
        rims.append(rim)
    # The points of a rim start at its right: the bridge connects the inner sides.
    bridge = np.stack([rims[0][0], rims[1][len(rims[1]) // 2]])
    _render_line(canvas, bridge, width, glasses.rim_colour)


def _rim(glasses: Glasses, eye: np.ndarray, side: int) -> np.ndarray:
    """Outline of a lens, upright, (40, 3): a superellipse bent around the face."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)])
    unit = np.sign(unit) * np.abs(unit) ** (2 / glasses.roundness)
    x, y = unit * np.array(glasses.half_size)[:, None]
    depth = 0.2 - 0.12 * np.abs(x + side * 0.1) - eye[2]
    return eye + (side * 0.02, 0.03, 0) + np.stack([x, y, depth], axis=1)


def render_occluder(
    canvas: np.ndarray, scene: Scene, camera: Camera, rng: np.random.Generator
) -> None:
    """Render a hand or a box at the edge of the face, in place."""
    face_size = 2 * camera.scale
    centre = camera.project(np.array([0.0, 0.5, 0.0]))[:2]
    angle = rng.uniform(0, 2 * np.pi)
    outward = np.array([np.cos(angle), np.sin(angle)])
    start = centre + outward * face_size * rng.uniform(0.3, 0.55)
    if rng.random() < 0.6:
        light = scene.light.ambient + 0.5 * scene.light.colours.sum(axis=0)
        colour = np.sqrt((scene.person.colours.skin * light).clip(0, 1)) * 255
        _render_hand(canvas, colour, start, outward, face_size, rng)
        return
    mask = np.zeros(canvas.shape[:2], np.uint8)
    sides = (face_size * rng.uniform(0.1, 0.4), face_size * rng.uniform(0.3, 1.0))
    middle = start + outward * sides[0] / 2
    corners = cv2.boxPoints((middle.tolist(), sides, np.degrees(angle) + rng.normal(0, 20)))
    cv2.fillConvexPoly(mask, fixed_point(corners), 255, cv2.LINE_AA, SHIFT)
    _blend(canvas, mask, rng.uniform(0, 255, 3), 1.0)


def _render_hand(
    canvas: np.ndarray,
    colour: np.ndarray,
    start: np.ndarray,
    outward: np.ndarray,
    face_size: float,
    rng: np.random.Generator,
) -> None:
    """Render a palm and four fingers that reach in from outside the face, darker at their edges."""
    across = np.array([-outward[1], outward[0]])
    thickness = face_size * rng.uniform(0.075, 0.1)
    bend = across * rng.normal(0, 0.6) * thickness
    knuckles = start + outward * face_size * 0.22
    shading = ((1.0, 0.62), (0.82, 0.85), (0.5, 1.0))  # relative width, relative brightness
    palm = np.stack([knuckles, knuckles + outward * face_size * 0.8])
    for width, brightness in shading:
        _render_line(canvas, palm, 4.4 * thickness * width, colour * brightness)
    for finger, length in enumerate(rng.uniform(0.75, 1.25, 4)):
        side = across * (finger - 1.5) * thickness * 1.08
        tip = knuckles + side - outward * (face_size * 0.28 * length) + bend
        line = np.stack([tip, knuckles + side])
        for width, brightness in shading:
            _render_line(canvas, line, thickness * width, colour * brightness)


def _render_line(
    canvas: np.ndarray, line: np.ndarray, width: float, colour: np.ndarray, *, closed: bool = False
) -> None:
    """Render an anti-aliased line through pixels, (n, 2), in place."""
    thickness = max(1, round(width))
    cv2.polylines(
        canvas, [fixed_point(line)], closed, colour.tolist(), thickness, cv2.LINE_AA, SHIFT
    )


def _blend(canvas: np.ndarray, mask: np.ndarray, colour: np.ndarray, opacity: float) -> None:
    """Blend a colour over the canvas inside a uint8 mask, in place."""
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        return
    window = np.s_[y : y + height, x : x + width]
    alpha = mask[window].astype(np.float32)[..., None] * (opacity / 255)
    canvas[window] = (canvas[window] + (colour - canvas[window]) * alpha).astype(np.uint8)
