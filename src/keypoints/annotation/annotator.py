"""Landmarks of the faces in a photo as arrays, for use from Python."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keypoints.annotation.default_model import model_file, open_model
from keypoints.annotation.images import read_image
from keypoints.annotation.pipeline import Search, find_faces, given_faces
from keypoints.annotation.predictor import PredictedFace, crop_faces, predict_faces
from keypoints.core.types import Array
from keypoints.faces.face import Box


@dataclass(frozen=True, eq=False)
class AnnotatedFaces:
    """The faces of a photo, the largest first, in pixels of the upright photo.

    Pixel centres have integer coordinates.

    Attributes:
        boxes: Boxes of the upright faces, x0, y0, x1, y1, (n_faces, 4).
        rotations: Angles of the heads about the centres of their boxes, in degrees, clockwise,
            (n_faces,).
        scores: Confidences of the detector, 0..1, (n_faces,).
        points: Landmarks, (n_faces, n_points, 2), (x, y).
        uncertainty: Distances between the predictions for the face and for its horizontal flip,
            (n_faces, n_points).
        certain: Whether both predictions of a face agree, (n_faces,); the points of a face for
            which they do not may be far off.
    """

    boxes: Array
    rotations: Array
    scores: Array
    points: Array
    uncertainty: Array
    certain: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        n_uncertain = int(np.count_nonzero(~self.certain))
        return f"<AnnotatedFaces: {len(self)}, {n_uncertain} of them uncertain>"


class Annotator:
    """Detects the faces of photos and predicts their landmarks.

    Args:
        model: Name of a model in `models/` of the repository, or a file; None: the default network
            of `facial-keypoints annotate`. An installed copy runs .onnx files only, unless torch is
            installed too.
        thorough: Also detect turned heads beside upright ones.
        device: Device for torch: cpu, cuda or mps; auto: an export in onnxruntime, or the best one.

    Raises:
        ModelFileError: If there is no such model.

    Example:
        faces = Annotator()("me.jpg")
        left_eye_corner = faces.points[0, 36]
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        thorough: bool = False,
        device: str = "auto",
    ) -> None:
        info, load = open_model(model_file(None if model is None else os.fspath(model)), device)
        self._predictor, self._search = load(), Search(info, thorough=thorough)

    def __call__(
        self,
        photo: str | os.PathLike[str] | NDArray[np.uint8],
        boxes: ArrayLike | None = None,
    ) -> AnnotatedFaces:
        """Annotate a photo.

        Args:
            photo: A file, or RGB (height, width, 3) or gray (height, width) pixels, uint8.
            boxes: Boxes of upright faces, x0, y0, x1, y1, (n_faces, 4), for example of faces that
                the detector misses; None: the faces are detected.

        Raises:
            PhotoError: If the file cannot be read, or a box lies outside the photo.
            ValueError: If the array or the boxes have another shape or type, or if the network
                takes whole photos and no boxes.
        """
        pixels = _check_pixels(photo) if isinstance(photo, np.ndarray) else read_image(Path(photo))
        name = "photo" if isinstance(photo, np.ndarray) else os.fspath(photo)
        if boxes is None:
            faces = find_faces(pixels, name, self._search)
        else:
            faces = given_faces(pixels, name, self._check_boxes(boxes))
        crops = crop_faces(pixels, faces, self._predictor.format)
        n_points = len(self._predictor.info.points)
        return _to_arrays(predict_faces(self._predictor, crops), n_points)

    def _check_boxes(self, boxes: ArrayLike) -> list[Box]:
        info, array = self._search.info, np.asarray(boxes, float)
        if info.crop_format.box_scale is None:
            raise ValueError(f"{info.name} takes whole photos and no boxes")
        if array.ndim != 2 or array.shape[1] != 4 or not (array[:, 2:] > array[:, :2]).all():
            raise ValueError(
                f"boxes must be rows x0, y0, x1, y1 with x0 < x1 and y0 < y1; got {array.tolist()}"
            )
        return [(x0, y0, x1, y1) for x0, y0, x1, y1 in array.tolist()]


def _check_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB pixels."""
    is_gray = pixels.ndim == 2
    is_photo = is_gray or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not is_photo or not pixels.size:
        raise ValueError(
            "a photo must be a uint8 array of shape (height, width, 3), RGB, or (height, width), "
            f"gray; got {pixels.dtype}, {pixels.shape}"
        )
    return np.repeat(pixels[..., None], 3, axis=2) if is_gray else np.ascontiguousarray(pixels)


def _to_arrays(faces: list[PredictedFace], n_points: int) -> AnnotatedFaces:
    n_faces = len(faces)
    return AnnotatedFaces(
        boxes=np.array([face.box for face in faces], float).reshape(n_faces, 4),
        rotations=np.array([face.face_box.rotation for face in faces], float),
        scores=np.array([face.face_box.score for face in faces], float),
        points=np.array([face.landmarks_photo for face in faces]).reshape(n_faces, n_points, 2),
        uncertainty=np.array([face.uncertainty_photo for face in faces]).reshape(n_faces, n_points),
        certain=np.array([face.is_certain for face in faces], bool),
    )
