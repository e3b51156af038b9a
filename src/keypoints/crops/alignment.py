"""Maps that align faces to their mean shape, by points that another network has predicted.

A second network that sees aligned faces has less to learn than the first one, which sees them as
their boxes frame them: turned, off-centre and of different sizes.
"""

from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.geometry import (
    apply_map,
    hflip_landmarks,
    invert,
    resize_map,
    similarity_map,
    unit_map,
)
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.predictions import (
    Split,
    has_predictions,
    predictions_file,
    read_info,
    read_predictions,
)
from keypoints.core.types import Array
from keypoints.crops.cropping import crop_region
from keypoints.crops.format import CropFormat
from keypoints.faces.dataset import NO_OFFSET, LabelOffset
from keypoints.faces.face import Face, SplitFunction

_SPLITS: tuple[Split, ...] = get_args(Split)


def alignment_maps(
    name: str,
    faces: Sequence[Face],
    split: SplitFunction,
    format_: CropFormat,
    offset: LabelOffset = NO_OFFSET,
) -> Array:
    """Maps from photos to aligned crops, without the offset of labels, (n_faces, 2, 3).

    Args:
        name: Name of the predictions.
        faces: Faces in the order of the store's rows.
        split: Function that returns the split of a face.
        format_: Format of the crops. The mean shape lies where the mean of the training faces would
            lie in crops around their boxes.
        offset: Offset that is subtracted from the predictions.

    Raises:
        PipelineError: If the predictions are missing or are not those of these faces.
    """
    splits = np.array([split(face) for face in faces])
    landmarks = _read_landmarks(name, splits)
    landmarks[..., 0] -= np.array([offset.of(face) for face in faces])[:, None]
    size = format_.crop_size
    to_crop = np.array([resize_map(crop_region(f.box, (0, 0), format_), size) for f in faces])
    mean = apply_map(to_crop, landmarks)[splits == "train"].mean(axis=0)
    mean_unit = apply_map(unit_map(size), mean)
    flip_indices = flip_indices_of(read_info(name).points, SCHEMES[format_.scheme])
    symmetric_unit = (mean_unit + hflip_landmarks(mean_unit, flip_indices)) / 2
    return similarity_map(landmarks, apply_map(invert(unit_map(size)), symmetric_unit))


def _read_landmarks(name: str, splits: NDArray[np.str_]) -> Array:
    """Read the predicted landmarks of all faces, in their order, (n_faces, n_points, 2)."""
    landmarks = np.empty((len(splits), len(read_info(name).points), 2))
    for split in _SPLITS:
        is_in_split = splits == split
        if not is_in_split.any():
            continue
        if split == "train" and not has_predictions(name, split):
            raise PipelineError(
                f"{predictions_file(name, split)} is missing; `predict` writes it for a model "
                f"with an entry in `corrections`: add corrections.{name} to params.yaml"
            )
        predicted = read_predictions(name, split).landmarks_photo
        if len(predicted) != is_in_split.sum():
            raise PipelineError(
                f"{paths.PREDICTIONS / name}: {len(predicted)} {split} faces where the data set "
                f"has {is_in_split.sum()}; run `dvc repro`"
            )
        landmarks[is_in_split] = predicted
    return landmarks
