"""Give training faces of kaggle15 the groups of the 300-W photos that they were cut from.

`cd contenders && python ../tools/share_groups.py`, after `dvc repro fetch@kaggle15 fetch@ibug`

Contenders of kaggle15 start from a network of 300-W. Where the faces of kaggle15 are crops of
300-W's photos, as in a reduced set, that network may have seen the validation faces. With the
groups of 300-W, and its `val_fraction`, both data sets hold out the same photos. Kaggle's own
images are of other photos, so nothing is to be done for them.

The groups are written to data/raw/kaggle15/duplicates.json; `dvc commit` keeps them.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np

from keypoints.core import paths
from keypoints.core.cli import exit_on_error
from keypoints.core.landmarks import KAGGLE_15
from keypoints.core.parallel import parallel_map
from keypoints.core.records import write_record
from keypoints.core.types import Array
from keypoints.datasets.ibug import read_ibug
from keypoints.datasets.kaggle15 import DUPLICATES, read_kaggle15
from keypoints.faces.duplicates import perceptual_hash
from keypoints.faces.face import Face
from keypoints.faces.images import read_photo

# Half of the side of the hashed box, and the distance of its centre below the eyes, relative to the
# distance of the eye centres. A larger box would leave the crops of kaggle15.
_HALF_SIDE, _BELOW = 0.57, 0.5
# Of 2,481 crops of 300-W's training faces, 22 are less similar to any of these faces.
_MIN_SIMILARITY = 0.75


def match_groups(
    faces: Sequence[Face], root: Path, others: Sequence[Face], other_root: Path
) -> dict[str, str]:
    """Find the most similar face of ibug for each face of kaggle15.

    Returns:
        The group of the similar face by the name of each face that has one.
    """
    hashes = _hash_faces(faces, root, _kaggle15_eyes)
    similarity = hashes @ _hash_faces(others, other_root, _ibug_eyes).T
    return {
        face.name: others[best].group
        for face, best, value in zip(
            faces, similarity.argmax(axis=1), similarity.max(axis=1), strict=True
        )
        if value >= _MIN_SIMILARITY
    }


def _hash_faces(faces: Sequence[Face], root: Path, eyes_of: Callable[[Array], Array]) -> Array:
    def hash_face(face: Face) -> Array:
        assert face.landmarks_photo is not None
        first, second = eyes_of(face.landmarks_photo)
        distance = float(np.linalg.norm(second - first))
        x, y = (first + second) / 2 + (0, _BELOW * distance)
        half = _HALF_SIDE * distance
        box = None if np.isnan(distance) else (x - half, y - half, x + half, y + half)
        return perceptual_hash(read_photo(root / face.photo, colour=False), box)

    return np.stack([*parallel_map(hash_face, faces)])


def _kaggle15_eyes(landmarks_photo: Array) -> Array:
    """Eye centres of the convention of a face, (2, 2)."""
    pairs = [landmarks_photo[list(kind.eyes)] for kind in KAGGLE_15.kinds.values()]
    return next((pair for pair in pairs if np.isfinite(pair).all()), pairs[0])


def _ibug_eyes(landmarks_photo: Array) -> Array:
    """Means of the points of each eye, (2, 2)."""
    return np.asarray(landmarks_photo[36:48].reshape(2, 6, 2).mean(axis=1))


def main() -> None:
    """Write the groups, and print how many faces have one."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    with exit_on_error():
        root, other_root = paths.RAW / "kaggle15", paths.RAW / "ibug"
        faces, others = (
            [face for face in read if not face.is_test]
            for read in (read_kaggle15(root), read_ibug(other_root))
        )
        groups = {face.name: face.group for face in faces}
        matched = match_groups(faces, root, others, other_root)
        write_record(root / DUPLICATES, groups | matched)
        print(f"{len(matched)} of {len(faces)} training faces of kaggle15 have a group of ibug")


if __name__ == "__main__":
    main()
