"""Create the figures of README and docs: `python tools/readme_figures.py docs/example`.

rendered_faces.jpg shows the first 40 faces of seed 1 with their iBUG-68 landmarks,
rendered_landmarks.jpg both landmark schemes on one head at four yaw angles, and, with `--model`,
predicted_faces.jpg shows eight validation faces of a finished run on rendered faces.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import cv2
import numpy as np
import pandas as pd

from keypoints.core import paths
from keypoints.core.cli import exit_on_error
from keypoints.core.landmarks import IBUG_68, IMM_58, Scheme
from keypoints.core.predictions import read_info, read_predictions
from keypoints.core.tables import NAMES_AS_TEXT
from keypoints.evaluation.drawing import LIGHT, PREDICTED_COLOUR, draw_landmarks, tile_grid
from keypoints.faces.images import read_photo
from keypoints.rendered.background import render_wall
from keypoints.rendered.expression import Expression
from keypoints.rendered.ibug_photo import render_ibug_photo
from keypoints.rendered.imm_photo import sample_sitter
from keypoints.rendered.landmarks import find_landmarks
from keypoints.rendered.photo import render_photo
from keypoints.rendered.posing import Framing, pose_head
from keypoints.rendered.sampling import sample_light
from keypoints.rendered.scene import Pose, Scene, Stream, generator

FACE_TILE, HEAD_TILE = 200, 360  # height and width in px
YAWS = (0, 20, 40, 60)  # degrees
LINE_COLOUR, POINT_COLOUR = PREDICTED_COLOUR[::-1], LIGHT  # blue, green, red
RADIUS = 1.06  # px


def faces_figure(columns: int = 8, rows: int = 5) -> np.ndarray:
    """Faces of the iBUG layout, each cropped around its landmarks."""
    tiles = [_face_tile(index) for index in range(columns * rows)]
    return tile_grid(tiles, columns=columns, gap=0)


def _face_tile(index: int) -> np.ndarray:
    photo = render_ibug_photo(generator(1, Stream.IBUG_TRAIN, index))
    return _crop_tile(photo.pixels, photo.landmarks_photo.astype(float))


def predicted_figure(model: str, columns: int = 8) -> np.ndarray:
    """Validation faces with predicted landmarks, evenly spaced in the order of their errors."""
    errors = pd.read_csv(paths.FACES / f"{model}.csv", **NAMES_AS_TEXT)
    predicted = read_predictions(model, "validation").landmarks_photo
    errors = errors[~errors["face"].str.endswith("_mirror")].sort_values("nme", kind="stable")
    rows = ((np.arange(columns) + 0.5) / columns * len(errors)).astype(int)
    photos = paths.RAW / read_info(model).dataset
    tiles = []
    for row, face in errors["face"].iloc[rows].items():
        (file,) = photos.glob(f"*/{face}.*")
        tiles.append(_crop_tile(read_photo(file, colour=True)[..., ::-1], predicted[row]))
    return tile_grid(tiles, columns=columns, gap=0)


def _crop_tile(pixels: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Square tile around the 68 landmarks of a face, with the landmarks."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    height, width = pixels.shape[:2]
    side = int(min(1.5 * (high - low).max(), height, width))
    # The forehead has no landmarks: the centre of the tile is above that of the landmarks.
    middle = (low + high) / 2 - (0, 0.08 * side)
    left, top = np.clip(middle - side / 2, 0, (width - side, height - side)).astype(int)
    crop = pixels[top : top + side, left : left + side]
    tile = cv2.resize(crop, (FACE_TILE, FACE_TILE), interpolation=cv2.INTER_AREA)
    return _mark(tile, (landmarks - (left, top) + 0.5) * (FACE_TILE / side) - 0.5, IBUG_68)


def landmarks_figure() -> np.ndarray:
    """Both landmark schemes, a row each, on one head at several yaw angles."""
    tiles = [_head_tile(scheme, yaw) for scheme in (IBUG_68, IMM_58) for yaw in YAWS]
    return tile_grid(tiles, columns=len(YAWS), gap=0)


def _head_tile(scheme: Scheme, yaw: int) -> np.ndarray:
    rng = generator(1, Stream.IMM_PERSON, 0)
    person = replace(sample_sitter(rng), beard=0.0)
    light = sample_light(rng, person.colours.skin, 0.0)
    scene = Scene(person, Expression(), Pose(float(yaw), 8.0, 0.0, 14.0), light)
    head = pose_head(scene)
    framing = Framing((HEAD_TILE, HEAD_TILE), (HEAD_TILE / 2 - 0.6 * yaw, 140.0), 118.0)
    tile = render_photo(scene, head, framing, rng, render_wall(rng, framing.size))
    landmarks = find_landmarks(scheme, scene, head) * framing.scale + framing.origin
    _mark(tile, landmarks, scheme)
    label, position = f"{scheme.n_points} points, yaw {yaw}", (12, HEAD_TILE - 14)
    cv2.putText(tile, label, position, cv2.FONT_HERSHEY_SIMPLEX, 0.5, POINT_COLOUR, 1, cv2.LINE_AA)
    return tile


def _mark(tile: np.ndarray, landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    return draw_landmarks(
        tile,
        landmarks,
        colour=POINT_COLOUR,
        radius=RADIUS,
        contours=scheme.contours,
        line_colour=LINE_COLOUR,
    )


def main() -> None:
    """Write the figures into the folder of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the figures")
    parser.add_argument("--model", help="68-point model of a finished run on rendered faces")
    arguments = parser.parse_args()
    with exit_on_error():
        write_figures(arguments.folder, arguments.model)


def write_figures(folder: Path, model: str | None) -> None:
    """Write the figures into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"rendered_faces": faces_figure(), "rendered_landmarks": landmarks_figure()}
    if model:
        figures["predicted_faces"] = predicted_figure(model)
    for name, figure in figures.items():
        path = folder / f"{name}.jpg"
        path.write_bytes(cv2.imencode(".jpg", figure, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
        print(f"{path}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
