"""Measure the offset of a data set's labels: how far they lie to the right of symmetric ones.

`python tools/label_offset.py pretrained/sharp_256.safetensors --raw FOLDER --faces 400`

Predictions that are averaged over a photo and its flip are mirror-symmetric if the network was
trained with flips. So a systematic difference from the labels that a flip reverses is a property of
the labels. Mirror twins are flipped, and each point is averaged with its flip partner. A network
could memorise the offset of its training faces; the validation faces show whether it did.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np
from numpy.typing import NDArray
from score_folder import crop_folder

from keypoints.config.params import read_params
from keypoints.core.cli import exit_on_error
from keypoints.core.landmarks import SCHEMES, Scheme
from keypoints.core.types import Array
from keypoints.crops.store import CropStore
from keypoints.evaluation.metrics import inter_ocular
from keypoints.models.predict import TrainedModel, load_model
from keypoints.prediction.tta import TestTimeAugmentation, predict_faces
from keypoints.statistics.bootstrap import bootstrap_means, confidence_interval

SYMMETRIC = TestTimeAugmentation(scales=[1.0], flip=True)
N_SIZES = 5  # groups of faces by their size


def measure(trained: TrainedModel, store: CropStore, split: str) -> tuple[Array, Array, Array]:
    """Offsets of a split in px, (n_faces, n_points), positive to the right in original photos.

    Returns:
        The offsets, the inter-ocular distances and the sides of the boxes in px, (n_faces,).
    """
    import torch

    rows = store.rows(split)
    predicted = predict_faces(trained, store, rows, torch.device("cpu"), SYMMETRIC).landmarks_photo
    target, scheme = store.landmarks_photo[rows], SCHEMES[store.format.scheme]
    difference = (target - predicted)[..., 0]
    table = store.faces(rows)
    difference[table["mirrored"] == 1] *= -1
    offsets = (difference + difference[:, scheme.flip_indices]) / 2
    sides = np.maximum(table["x1"] - table["x0"], table["y1"] - table["y0"]).to_numpy()
    return offsets, inter_ocular(target, scheme.eye_corners), sides


def interval_text(values: Array, unit: str) -> str:
    """Mean of values of faces, with its 95 % interval."""
    resampled = bootstrap_means(values, np.ones(len(values), int))
    low, high = confidence_interval(resampled, len(values))
    return f"{values.mean():6.3f} {unit} ({low:.3f} to {high:.3f}), {len(values)} faces"


def print_offsets(offsets: Array, distances: Array, sides: Array, scheme: Scheme) -> None:
    """Print the offset by parts and points and, if there are boxes, by sizes with its fit."""
    percent = 100 * offsets / distances[:, None]
    for part, points in scheme.parts.items():
        print(f"{part:9}", interval_text(percent[:, list(points)].mean(axis=1), "%"))
    for point, partner in enumerate(scheme.flip_indices):
        if point <= partner:
            print(f"{point:2} and {partner:2}", interval_text(percent[:, point], "%"))
    if not np.isfinite(sides).all():  # whole photos
        return
    mean = offsets.mean(axis=1)
    order = np.argsort(sides, kind="stable")
    for group in np.array_split(order, N_SIZES):
        size = f"box {sides[group].min():.0f} to {sides[group].max():.0f} px"
        print(f"{size:20}", interval_text(mean[group], "px"))
    rng = np.random.default_rng(1)
    samples = [rng.integers(len(mean), size=len(mean)) for _ in range(1000)]
    fits = [_fit(mean, sides, distances, rows) for rows in [np.arange(len(mean)), *samples]]
    low, high = np.percentile(fits, (2.5, 97.5), axis=0)
    for name, *values in zip(("px", "box sides"), fits[0], low, high, strict=True):
        print("{:9} {:.4f} ({:.4f} to {:.4f})".format(name, *values))


def _fit(mean: Array, sides: Array, distances: Array, rows: NDArray[np.integer]) -> Array:
    """Constants of offset = px + box_sides x side, least squares relative to the distances."""
    columns = np.stack([np.ones(len(rows)), sides[rows]], axis=1) / distances[rows, None]
    return np.linalg.lstsq(columns, mean[rows] / distances[rows], rcond=None)[0]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model_file", type=Path, help="a model that was trained with flips")
    parser.add_argument("--raw", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--faces", type=int, default=400, help="training faces (400)")
    arguments = parser.parse_args()
    if arguments.faces < 1:
        parser.error(f"--faces: must be at least 1; got {arguments.faces}")
    with exit_on_error():
        trained = load_model(arguments.model_file)
        task = trained.info.task.model_copy(update={"symmetric_labels": False})
        trained = replace(trained, info=trained.info.model_copy(update={"task": task}))
        with crop_folder(trained, arguments.raw, read_params(), n_train=arguments.faces) as store:
            scheme = SCHEMES[store.format.scheme]
            for split in ("train", "validation"):
                offsets, distances, sides = measure(trained, store, split)
                mean = 100 * offsets.mean(axis=1) / distances
                print(f"{split:9}", interval_text(mean, "% of the inter-ocular distance"))
                if split == "train":
                    print_offsets(offsets, distances, sides, scheme)


if __name__ == "__main__":
    main()
