"""Fit the map from YuNet's detections to boxes of 300-W: `python benchmarks/face_boxes.py FOLDER`.

FOLDER is a fetched data set (data/raw/ibug). The numbers are the constants of
keypoints.annotation.detection, fitted on training faces by least absolute deviations.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np

from keypoints.annotation.yunet import run_yunet
from keypoints.core.types import Array
from keypoints.crops.cropping import crop_and_resize
from keypoints.datasets.ibug import DATASET
from keypoints.faces.images import read_photo

VAL_FRACTION = 0.1  # as in params.yaml
SIDE = 320  # px of the longer side, as in the detection of large faces


def fit(root: Path, n_faces: int) -> tuple[Array, float, int]:
    """Fit on some training faces.

    Returns:
        The weights of the eyes and of the direction downwards, the side of the box in sides of
        YuNet's box, and the number of faces.
    """
    faces = DATASET.read(root)
    split = DATASET.split(faces, VAL_FRACTION)
    train = [face for face in faces if split(face) == "train" and face.box]
    inputs, targets, ratios = [], [], []
    for face in train[:: max(1, len(train) // n_faces)]:
        photo = read_photo(root / face.photo, colour=True)
        height, width = photo.shape[:2]
        scale = min(1, SIDE / max(height, width))
        size = round(height * scale), round(width * scale)
        found = run_yunet(crop_and_resize(photo, (0, 0, width, height), size), 0.7)
        x0, y0, x1, y1 = np.array(face.box) * scale
        centres = found.boxes.reshape(-1, 2, 2).mean(axis=1)
        offsets = np.hypot(*(centres - ((x0 + x1) / 2, (y0 + y1) / 2)).T)
        if not len(offsets) or offsets.min() > 0.4 * (x1 - x0):
            continue
        best = int(offsets.argmin())
        box, points = found.boxes[best], found.points[best]
        side = np.sqrt(np.prod(box[2:] - box[:2]))
        across = points[1] - points[0]
        down = np.array([-across[1], across[0]]) / np.hypot(*across)
        inputs.append(np.stack([points[:2].mean(axis=0) - centres[best], side * down], 1) / side)
        targets.append((((x0 + x1) / 2, (y0 + y1) / 2) - centres[best]) / side)
        ratios.append((x1 - x0) / side)
    weights = least_absolute(np.concatenate(inputs), np.concatenate(targets))
    return weights, float(np.median(ratios)), len(ratios)


def least_absolute(inputs: Array, targets: Array, rounds: int = 50) -> Array:
    """Weights with the least sum of absolute residuals, by iteratively reweighted least squares."""
    scale = np.ones(len(targets))
    for _ in range(rounds):
        weights = np.linalg.lstsq(inputs * scale[:, None], targets * scale, rcond=None)[0]
        scale = np.maximum(np.abs(targets - inputs @ weights), 1e-4) ** -0.5
    return weights


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the fetched data set")
    parser.add_argument("--faces", type=int, default=700, help="training faces to fit on (700)")
    arguments = parser.parse_args()
    (eyes, down), side, n_faces = fit(arguments.folder, arguments.faces)
    print(f"{n_faces} training faces: eyes {eyes:.3f}, below {down:.3f}, side {side:.3f}")


if __name__ == "__main__":
    main()
