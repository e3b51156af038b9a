"""Complete check of the faces of a data set, when its files arrive."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keypoints.core.landmarks import Scheme
from keypoints.core.parallel import parallel_map
from keypoints.faces.face import Face, FormatError
from keypoints.faces.faults import Fault
from keypoints.faces.images import check_photo

MAX_BOX = 10  # sides of a box relative to the longer side of the photo
MAX_OUTSIDE = 1  # distance of a landmark to the photo, relative to its longer side
MIN_EYE_DISTANCE = 0.01  # px, of the points by whose distance errors are divided


def check_faces(root: Path, faces: Sequence[Face], scheme: Scheme) -> list[Fault]:
    """Decode every photo completely, on all cores, and compare its size with box and landmarks.

    Args:
        root: Folder of the data set; the paths of photos are relative to it.
        faces: Faces whose annotations could be read.
        scheme: Scheme of the landmarks.

    Returns:
        The faults, in the order of the faces.
    """

    def check(face: Face) -> Fault | None:
        try:
            _check_face(root / face.photo, face)
            _check_eyes(root / face.photo, face, scheme)
        except FormatError as error:
            return Fault(str(error), face.name)
        return None

    checked = parallel_map(check, faces)
    return list(filter(None, tqdm(checked, "check", len(faces), unit="photo", disable=None)))


def _check_face(path: Path, face: Face) -> None:
    height, width = check_photo(path)
    longer = max(height, width)
    if face.box is not None:
        x0, y0, x1, y1 = face.box
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            raise FormatError(f"{path}: the face's box {face.box} lies outside the photo")
        if max(x1 - x0, y1 - y0) > MAX_BOX * longer:
            raise FormatError(
                f"{path}: the face's box {face.box} is more than {MAX_BOX} times as large as the "
                "photo"
            )
    if face.landmarks_photo is not None:
        low, high = -MAX_OUTSIDE * longer, np.add((width, height), MAX_OUTSIDE * longer)
        is_far = ((face.landmarks_photo < low) | (face.landmarks_photo > high)).any(axis=1)
        if is_far.any():
            point = is_far.argmax()
            x, y = face.landmarks_photo[point]
            raise FormatError(
                f"{path}: point {point} at ({x:g}, {y:g}) lies far outside the photo of "
                f"{width} x {height} px"
            )


def _check_eyes(path: Path, face: Face, scheme: Scheme) -> None:
    """Reject a face whose errors could not be divided by the distance of its eyes."""
    if face.landmarks_photo is None:
        return
    pairs = [kind.eyes for kind in scheme.kinds.values()] or [scheme.eye_corners]
    for left, right in pairs:
        first, second = face.landmarks_photo[[left, right]]
        if np.linalg.norm(second - first) < MIN_EYE_DISTANCE:  # NaN, unknown, is not
            raise FormatError(
                f"{path}: points {left} and {right}, of two eyes, are both at "
                f"({first[0]:g}, {first[1]:g})"
            )
