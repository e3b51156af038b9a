"""Draw the README's two sheets of rendered faces: `python src/gallery.py docs/example`.

One shows 40 faces as they come, of seed 1, with their 68 points; the other both markups on one head
that turns.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from keypoints.core.landmarks import IBUG_68, IMM_58, Scheme
from keypoints.rendered.backdrop import paint_wall
from keypoints.rendered.chance import Stream, generator
from keypoints.rendered.photo import draw_photo
from keypoints.rendered.posing import Framing, find_landmarks, pose_head
from keypoints.rendered.sampling import draw_light
from keypoints.rendered.scene import Pose, Scene
from keypoints.rendered.wild import draw_wild_photo
from keypoints.rendered.writers import studio

TILE = 200  # px
YAWS = (0, 20, 40, 60)
HEAD_TILE = 360
LINE, DOT = (110, 220, 110), (255, 255, 255)  # blue, green, red
_SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel


def wild_sheet(columns: int = 8, rows: int = 5) -> np.ndarray:
    """Faces of the iBUG layout, each cut around its landmarks."""
    tiles = [_wild_tile(index) for index in range(columns * rows)]
    return np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])


def _wild_tile(index: int) -> np.ndarray:
    drawn = draw_wild_photo(generator(1, Stream.TRAIN_PHOTO, index))
    landmarks = drawn.landmarks_photo.astype(float)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    side = int(min(1.5 * (high - low).max(), *drawn.pixels.shape[:2]))
    # The forehead has no landmarks: the middle of the tile lies above that of the points.
    middle = (low + high) / 2 - (0, 0.08 * side)
    height, width = drawn.pixels.shape[:2]
    left, top = np.clip(middle - side / 2, 0, (width - side, height - side)).astype(int)
    cut = drawn.pixels[top : top + side, left : left + side]
    zoom = TILE / side
    tile = cv2.resize(cut, (TILE, TILE), interpolation=cv2.INTER_AREA)
    _mark(tile, (landmarks - (left, top) + 0.5) * zoom - 0.5, IBUG_68)
    return tile


def markup_sheet() -> np.ndarray:
    """Both markups, a row each, on the same head at four turns."""
    return np.vstack(
        [np.hstack([_head_tile(scheme, yaw) for yaw in YAWS]) for scheme in (IBUG_68, IMM_58)]
    )


def _head_tile(scheme: Scheme, yaw: int) -> np.ndarray:
    rng = generator(1, Stream.IMM_PERSON, 0)
    person = replace(studio.sample_sitter(rng), beard=0.0)
    light = draw_light(rng, person.skin, 0.0)
    look = Scene(person, studio.Expression(), Pose(float(yaw), 8.0, 0.0, 14.0), light)
    posed = pose_head(look)
    framing = Framing((HEAD_TILE, HEAD_TILE), (HEAD_TILE / 2 - 0.6 * yaw, 140.0), 118.0)
    tile = draw_photo(look, posed, framing, rng, paint_wall(rng, framing.size))
    _mark(tile, find_landmarks(scheme, look, posed) * framing.scale + framing.origin, scheme)
    label, place = f"{scheme.n_points} points, yaw {yaw}", (12, HEAD_TILE - 14)
    cv2.putText(tile, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, DOT, 1, cv2.LINE_AA)
    return tile


def _mark(tile: np.ndarray, landmarks: np.ndarray, scheme: Scheme) -> None:
    """Draw the contours as thin lines and the points as small dots, in place."""
    places = np.round(landmarks * 2**_SHIFT).astype(np.int32)
    for contour in scheme.contours:
        line = places[list(contour.points)]
        cv2.polylines(tile, [line], contour.closed, LINE, 1, cv2.LINE_AA, _SHIFT)
    for place in places.tolist():
        cv2.circle(tile, place, int(1.1 * 2**_SHIFT), DOT, -1, cv2.LINE_AA, _SHIFT)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the two sheets are written")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, sheet in (("rendered_faces", wild_sheet()), ("rendered_markups", markup_sheet())):
        path = folder / f"{name}.jpg"
        cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
        print(f"{path}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
