"""What stands before the face: a hand, or an object."""

import cv2
import numpy as np

from keypoints.rendered.overlay import cover, fixed_point, stroke
from keypoints.rendered.raster import Camera
from keypoints.rendered.scene import Scene


def put_in_front(canvas: np.ndarray, look: Scene, camera: Camera, rng: np.random.Generator) -> None:
    """Draw a hand or an object over the edge of the face."""
    face_size = 2 * camera.scale
    centre = camera.project(np.array([0.0, 0.5, 0.0]))[:2]
    angle = rng.uniform(0, 2 * np.pi)
    outward = np.array([np.cos(angle), np.sin(angle)])
    start = centre + outward * face_size * rng.uniform(0.3, 0.55)
    if rng.random() < 0.6:
        light = look.light.ambient + 0.5 * look.light.colours.sum(axis=0)
        colour = np.sqrt((look.person.skin * light).clip(0, 1)) * 255
        _draw_hand(canvas, colour, start, outward, face_size, rng)
        return
    mask = np.zeros(canvas.shape[:2], np.uint8)
    sides = (face_size * rng.uniform(0.1, 0.4), face_size * rng.uniform(0.3, 1.0))
    middle = start + outward * sides[0] / 2
    corners = cv2.boxPoints((middle.tolist(), sides, np.degrees(angle) + rng.normal(0, 20)))
    cv2.fillConvexPoly(mask, fixed_point(corners), 255, cv2.LINE_AA, 4)
    cover(canvas, mask, rng.uniform(0, 255, 3), 1.0)


def _draw_hand(
    canvas: np.ndarray,
    colour: np.ndarray,
    start: np.ndarray,
    outward: np.ndarray,
    face_size: float,
    rng: np.random.Generator,
) -> None:
    """Draw a palm and four fingers that come from outside the face, each dark at its edges."""
    across = np.array([-outward[1], outward[0]])
    thick = face_size * rng.uniform(0.075, 0.1)
    bend = across * rng.normal(0, 0.6) * thick
    knuckles = start + outward * face_size * 0.22
    shaded = ((1.0, 0.62), (0.82, 0.85), (0.5, 1.0))  # share of the width, share of the colour
    palm = np.stack([knuckles, knuckles + outward * face_size * 0.8])
    for width, share in shaded:
        stroke(canvas, palm, 4.4 * thick * width, colour * share)
    for finger, length in enumerate(rng.uniform(0.75, 1.25, 4)):
        side = across * (finger - 1.5) * thick * 1.08
        tip = knuckles + side - outward * (face_size * 0.28 * length) + bend
        for width, share in shaded:
            stroke(canvas, np.stack([tip, knuckles + side]), thick * width, colour * share)
