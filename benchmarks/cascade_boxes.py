"""Fit detected squares to the boxes of 300-W: `python benchmarks/cascade_boxes.py FOLDER`.

FOLDER is a fetched data set, data/raw/ibug. The script fits the offsets of the cascades in
keypoints.annotation.detection on training faces. On the validation faces it prints the number of
detected faces, the time, and the overlap of the boxes with the given ones, with and without the
fit; with --model also the NME of the landmarks.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "src"))

from keypoints.annotation.default_model import model_file, open_model  # noqa: E402
from keypoints.annotation.detection import (  # noqa: E402
    PASSES,
    CascadeConfig,
    Detection,
    DetectionPass,
    detect,
    run_cascade,
)
from keypoints.annotation.predictor import Predictor, crop_faces, predict_faces  # noqa: E402
from keypoints.core.landmarks import IBUG_68  # noqa: E402
from keypoints.datasets.ibug import read_ibug  # noqa: E402
from keypoints.evaluation.metrics import normalized_mean_error  # noqa: E402
from keypoints.faces.face import Box, Face, split_by_hash  # noqa: E402
from keypoints.faces.images import read_photo  # noqa: E402

VAL_FRACTION = 0.1  # as in params.yaml
_NO_OFFSET = {"offset_x": 0.0, "offset_y": 0.0, "box_side": 1.0}


def fit(root: Path, faces: Sequence[Face]) -> Iterator[tuple[CascadeConfig, int]]:
    """Cascades with the median offsets of training faces, and the numbers of these faces."""
    cascades = [(cascade, p.scale_factor) for p in PASSES for cascade in p.cascades]
    for cascade, scale_factor in cascades:
        offsets = []
        for face in faces:
            gray = read_photo(root / face.photo, colour=False)
            for detection in run_cascade(gray, cascade, scale_factor):
                if face.box and iou(detection.to_dataset_box(), face.box) > 0.3:
                    offsets.append(_offset(detection, face.box))
        current = (cascade.offset_x, cascade.offset_y, cascade.box_side)  # if it detects no face
        x, y, side = map(float, np.median(offsets or [current], axis=0).round(2))
        yield replace(cascade, offset_x=x, offset_y=y, box_side=side), len(offsets)


def _offset(detection: Detection, box: Box) -> tuple[float, float, float]:
    """Offset and side of a face's box, as in `CascadeConfig`."""
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
    """NME of the landmarks that a network predicts in a box."""
    predicted = predict_faces(predictor, crop_faces(photo, [box], predictor.format))[0]
    target = face.landmarks_photo
    assert target is not None, "only the test list has no landmarks"
    eyes = np.linalg.norm(np.subtract(*target[list(IBUG_68.eye_corners)]))
    norm = np.array([eyes])
    return float(normalized_mean_error(predicted.landmarks_photo[None], target[None], norm=norm)[0])


def evaluate(
    root: Path, faces: Sequence[Face], predictor: Predictor | None, passes: Sequence[DetectionPass]
) -> None:
    """Print the number of faces that some passes detect, and the fit of their boxes."""
    rows, n_false, seconds = [], 0, 0.0
    for face in faces:
        photo = read_photo(root / face.photo, colour=True)
        gray = read_photo(root / face.photo, colour=False)
        assert face.box, "every face of the lists has a box"
        start = time.process_time()
        detections = detect(gray, passes)
        seconds += time.process_time() - start
        best = max(detections, key=lambda d: iou(d.to_dataset_box(), face.box), default=None)
        if best is None or iou(best.to_dataset_box(), face.box) < 0.3:
            n_false += len(detections)
            continue
        n_false += len(detections) - 1
        raw = replace(best, cascade=replace(best.cascade, **_NO_OFFSET)).to_dataset_box()
        boxes = (face.box, best.to_dataset_box(), raw)
        errors = [nme(predictor, photo, face, box) for box in boxes] if predictor else [np.nan] * 3
        rows.append((iou(boxes[1], face.box), iou(boxes[2], face.box), *errors))
    fitted, raw_iou, given, cascade, raw_nme = np.mean(rows, axis=0)
    print(
        f"{len(rows)} of {len(faces)} validation faces detected, {n_false} false detections, "
        f"{1000 * seconds / len(faces):.0f} ms of processor time per photo"
    )
    print(f"IoU with the given boxes: {fitted:.3f}; of the squares without the fit: {raw_iou:.3f}")
    if predictor:
        print(f"NME in given boxes {given:.4f}, fitted boxes {cascade:.4f}, squares {raw_nme:.4f}")


def main() -> None:
    """Fit the offsets, evaluate the detection and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="name of a model in models/, or a file")
    parser.add_argument("--faces", type=int, default=400, help="faces to fit on (default: 400)")
    given = parser.parse_args()
    split, faces = split_by_hash((), VAL_FRACTION), read_ibug(given.folder)
    train = [face for face in faces if split(face) == "train"]
    for cascade, n_faces in fit(given.folder, train[:: max(1, len(train) // given.faces)]):
        print(f"{n_faces} training faces: {cascade}")
    predictor = open_model(model_file(given.model), "auto")[1]() if given.model else None
    held_out = [face for face in faces if split(face) == "validation"]
    for name, passes in (("from coarse to fine", PASSES), ("the last pass alone", PASSES[-1:])):
        print(f"{name}: ", end="")
        evaluate(given.folder, held_out, predictor, passes)


if __name__ == "__main__":
    main()
