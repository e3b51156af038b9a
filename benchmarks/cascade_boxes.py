"""Fit the map from detections to boxes of 300-W: `python benchmarks/cascade_boxes.py FOLDER`.

FOLDER is a fetched data set (data/raw/ibug). The offsets and sizes of the cascades in
keypoints.annotation.detection are fitted on training faces. On the validation faces, the script
prints the number of detected faces, the time, and the overlap of the boxes with those of the lists,
with and without the fit; with --model also the NME in these boxes.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "src"))

from keypoints.annotation.default_model import model_file, open_model
from keypoints.annotation.detection import (
    PASSES,
    CascadeConfig,
    Detection,
    DetectionPass,
    detect,
    run_cascade,
)
from keypoints.annotation.predictor import Predictor, crop_faces, predict_faces
from keypoints.core.landmarks import IBUG_68
from keypoints.datasets.ibug import DATASET
from keypoints.evaluation.metrics import normalized_mean_error
from keypoints.faces.face import Box, Face
from keypoints.faces.images import read_photo

VAL_FRACTION = 0.1  # as in params.yaml
MIN_IOU = 0.3  # with the box of the list, for a detection of the face
_UNFITTED = {"offset_x": 0.0, "offset_y": 0.0, "box_side": 1.0}


def fit(root: Path, faces: Sequence[Face]) -> Iterator[tuple[CascadeConfig, int]]:
    """Fit each cascade by medians over training faces.

    Yields:
        The fitted cascade, and the number of faces that it detects. A cascade without a detection
        keeps its values.
    """
    cascades = [(cascade, each.scale_factor) for each in PASSES for cascade in each.cascades]
    for cascade, scale_factor in cascades:
        maps = []
        for face in faces:
            gray = read_photo(root / face.photo, colour=False)
            for detection in run_cascade(gray, cascade, scale_factor):
                box = detection.to_dataset_box()
                if face.box and iou(box, face.box) > MIN_IOU:
                    maps.append(_to_offsets(detection, face.box))
        current = (cascade.offset_x, cascade.offset_y, cascade.box_side)
        x, y, side = np.median(maps or [current], axis=0).round(2)
        fitted = replace(cascade, offset_x=float(x), offset_y=float(y), box_side=float(side))
        yield fitted, len(maps)


def _to_offsets(detection: Detection, box: Box) -> tuple[float, float, float]:
    """Values of `CascadeConfig` that would map a detection exactly to a box."""
    x = ((box[0] + box[2]) / 2 - detection.x) / detection.side - 0.5
    y = ((box[1] + box[3]) / 2 - detection.y) / detection.side - 0.5
    return -x if detection.cascade.hflip else x, y, (box[2] - box[0]) / detection.side


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    intersection = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return intersection / (sum(areas) - intersection)


def nme(predictor: Predictor, photo: np.ndarray, face: Face, box: Box) -> float:
    """NME of the landmarks that a network predicts in a box, with the inter-ocular distance."""
    predicted = predict_faces(predictor, crop_faces(photo, [box], predictor.format))[0]
    target = face.landmarks_photo
    assert target is not None, "only the test list has no landmarks"
    norm = np.array([np.linalg.norm(np.subtract(*target[list(IBUG_68.eye_corners)]))])
    errors = normalized_mean_error(predicted.landmarks_photo[None], target[None], norm=norm)
    return float(errors[0])


def evaluate(
    root: Path, faces: Sequence[Face], predictor: Predictor | None, passes: Sequence[DetectionPass]
) -> None:
    """Print the number of detections of some passes, and how well their boxes fit."""
    rows, n_false, seconds = [], 0, 0.0
    for face in faces:
        photo, gray = (read_photo(root / face.photo, colour=colour) for colour in (True, False))
        assert face.box, "each face of the lists has a box"
        start = time.process_time()
        detections = detect(gray, passes)
        seconds += time.process_time() - start
        overlaps = [iou(detection.to_dataset_box(), face.box) for detection in detections]
        if max(overlaps, default=0.0) < MIN_IOU:
            n_false += len(detections)
            continue
        n_false += len(detections) - 1
        best = detections[int(np.argmax(overlaps))]
        unfitted = replace(best, cascade=replace(best.cascade, **_UNFITTED)).to_dataset_box()
        boxes = (face.box, best.to_dataset_box(), unfitted)
        errors = [nme(predictor, photo, face, box) for box in boxes] if predictor else [np.nan] * 3
        rows.append((max(overlaps), iou(unfitted, face.box), *errors))
    fitted_iou, unfitted_iou, given_nme, fitted_nme, unfitted_nme = np.mean(rows, axis=0)
    print(
        f"{len(rows)} of {len(faces)} validation faces and {n_false} false detections, "
        f"{1000 * seconds / len(faces):.0f} ms of processor time per face"
    )
    print(f"IoU with the given boxes: fitted {fitted_iou:.3f}, unfitted {unfitted_iou:.3f}")
    if predictor:
        print(
            f"NME in given boxes {given_nme:.4f}, fitted {fitted_nme:.4f}, "
            f"unfitted {unfitted_nme:.4f}"
        )


def main() -> None:
    """Fit on training faces and evaluate on validation faces."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the fetched data set")
    parser.add_argument("--model", help="name of a model, or a model file, for the NME")
    parser.add_argument("--faces", type=int, default=400, help="training faces to fit on (400)")
    arguments = parser.parse_args()
    faces = DATASET.read(arguments.folder)
    split = DATASET.split(faces, VAL_FRACTION)
    train = [face for face in faces if split(face) == "train"]
    sample = train[:: max(1, len(train) // arguments.faces)]
    for cascade, n_faces in fit(arguments.folder, sample):
        print(f"{n_faces} training faces: {cascade}")
    model = arguments.model
    predictor = open_model(model_file(model), "auto")[1]() if model else None
    validation = [face for face in faces if split(face) == "validation"]
    for name, passes in (("all passes", PASSES), ("the last pass alone", PASSES[-1:])):
        print(f"{name}: ", end="")
        evaluate(arguments.folder, validation, predictor, passes)


if __name__ == "__main__":
    main()
