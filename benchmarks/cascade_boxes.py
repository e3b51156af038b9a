"""From cascades' squares to boxes of the 300-W lists: `python benchmarks/cascade_boxes.py FOLDER`.

FOLDER is a fetched data set (data/raw/ibug). Fits the numbers of the views in
keypoints.annotation.detection on training faces; then tells, on the validation faces, how many are
found, in which time, and how near the boxes come to those of the lists, with and without the fit.
With --model also what that means for the points.
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
    find_squares,
)
from keypoints.annotation.predictor import Predictor, cut_faces, predict_faces  # noqa: E402
from keypoints.core.landmarks import IBUG_68  # noqa: E402
from keypoints.datasets.ibug import read_ibug  # noqa: E402
from keypoints.evaluation.metrics import normalized_mean_error  # noqa: E402
from keypoints.faces.face import Box, Face, split_by_hash  # noqa: E402
from keypoints.faces.images import read_photo  # noqa: E402

HELD_OUT = 0.1  # as params.yaml has it
_RAW = {"right": 0.0, "down": 0.0, "side": 1.0}


def fit(root: Path, faces: Sequence[Face]) -> Iterator[tuple[CascadeConfig, int]]:
    """Views with the medians of what training faces show, and how many showed it."""
    for view, step in [(view, look.step) for look in PASSES for view in look.views]:
        seen = []
        for face in faces:
            for square in find_squares(read_photo(root / face.photo, colour=False), view, step):
                box = square.to_dataset_box()
                if face.box and shared(box, face.box) > 0.3:
                    seen.append(_way(square, face.box))
        way = (view.right, view.down, view.side)  # where no face shows it
        right, down, side = np.median(seen or [way], axis=0).round(2)
        yield replace(view, right=float(right), down=float(down), side=float(side)), len(seen)


def _way(square: Detection, box: Box) -> tuple[float, float, float]:
    """How far a face's box is from a square, as a View says it."""
    right = ((box[0] + box[2]) / 2 - square.x) / square.side - 0.5
    down = ((box[1] + box[3]) / 2 - square.y) / square.side - 0.5
    return -right if square.view.in_mirror else right, down, (box[2] - box[0]) / square.side


def shared(one: Box, other: Box) -> float:
    """What two boxes both cover, as a part of what they cover together."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def nme(predictor: Predictor, photo: np.ndarray, face: Face, box: Box) -> float:
    """Of the points that a network finds in a box."""
    found = predict_faces(predictor, cut_faces(photo, [box], predictor.format))[0]
    target = face.landmarks_photo
    assert target is not None, "only the test list has no landmarks"
    eyes = np.linalg.norm(np.subtract(*target[list(IBUG_68.eye_corners)]))
    norm = np.array([eyes])
    return float(normalized_mean_error(found.landmarks_photo[None], target[None], norm=norm)[0])


def judge(
    root: Path, faces: Sequence[Face], predictor: Predictor | None, looks: Sequence[DetectionPass]
) -> None:
    """Print what some looks find, and how well their boxes fit."""
    rows, n_false, seconds = [], 0, 0.0
    for face in faces:
        photo = read_photo(root / face.photo, colour=True)
        grey = read_photo(root / face.photo, colour=False)
        assert face.box, "each face of the lists has a box"
        start = time.process_time()
        squares = detect(grey, looks)
        seconds += time.process_time() - start
        best = max(squares, key=lambda s: shared(s.to_dataset_box(), face.box), default=None)
        if best is None or shared(best.to_dataset_box(), face.box) < 0.3:
            n_false += len(squares)
            continue
        n_false += len(squares) - 1
        raw = replace(best, view=replace(best.view, **_RAW)).to_dataset_box()
        boxes = (face.box, best.to_dataset_box(), raw)
        errors = [nme(predictor, photo, face, box) for box in boxes] if predictor else [np.nan] * 3
        rows.append((shared(boxes[1], face.box), shared(boxes[2], face.box), *errors))
    fitted, raw_shared, given, cascade, raw_nme = np.mean(rows, axis=0)
    print(
        f"found {len(rows)} of {len(faces)} validation faces, and {n_false} others, in "
        f"{1000 * seconds / len(faces):.0f} ms of processor time each"
    )
    print(f"shared with the given boxes: {fitted:.3f}; squares as they are: {raw_shared:.3f}")
    if predictor:
        print(f"NME in given boxes {given:.4f}, fitted {cascade:.4f}, squares {raw_nme:.4f}")


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="of models/, or a file")
    parser.add_argument("--faces", type=int, default=400, help="to fit on (400)")
    given = parser.parse_args()
    side_of, faces = split_by_hash((), HELD_OUT), read_ibug(given.folder)
    train = [face for face in faces if side_of(face) == "train"]
    for view, n_seen in fit(given.folder, train[:: max(1, len(train) // given.faces)]):
        print(f"{n_seen} training faces: {view}")
    predictor = open_model(model_file(given.model), "auto")[1]() if given.model else None
    held_out = [face for face in faces if side_of(face) == "validation"]
    for name, looks in (("from coarse to fine", PASSES), ("the last look alone", PASSES[-1:])):
        print(f"{name}: ", end="")
        judge(given.folder, held_out, predictor, looks)


if __name__ == "__main__":
    main()
