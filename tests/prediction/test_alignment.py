"""Crops of faces that are aligned by predicted points: `regions` of a task."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from predicted import FORMAT, INFO, write_made_up

from keypoints.core.errors import PipelineError
from keypoints.core.geometry import apply_map, hflip_landmarks, invert, unit_map
from keypoints.core.landmarks import IBUG_68, flip_indices_of
from keypoints.core.predictions import (
    LandmarkPredictions,
    predictions_file,
    read_predictions,
    write_predictions,
)
from keypoints.core.types import Array
from keypoints.crops.alignment import alignment_maps
from keypoints.crops.cropping import write_crops
from keypoints.crops.store import CropStore
from keypoints.datasets.ibug import DATASET, read_ibug
from keypoints.faces.dataset import NO_OFFSET, LabelOffset
from keypoints.faces.face import Face
from prepare import prepare

TASK = """
tasks:
  aligned:
    dataset: ibug
    regions: data/predictions/net
    points: all
    height: 32
    width: 32
    colour: true
    margin: 8
    box_scale: 1.3
datasets:
  ibug:
    val_fraction: 0.1
"""


@pytest.fixture
def faces(pipeline: Path, rendered_ibug: Path) -> Sequence[Face]:
    return read_ibug(rendered_ibug)


def maps_of(faces: Sequence[Face], offset: LabelOffset = NO_OFFSET) -> Array:
    return alignment_maps("net", faces, DATASET.split(faces, 0.1), FORMAT, offset)


def predicted_in_crops(faces: Sequence[Face], maps: Array) -> Array:
    split = DATASET.split(faces, 0.1)
    stored = {
        name: iter(read_predictions("net", name).landmarks_photo)
        for name in ("train", "validation", "test")
    }
    return apply_map(maps, np.array([next(stored[split(face)]) for face in faces]))


def test_predicted_faces_become_upright_equally_large_and_centred(faces: Sequence[Face]):
    write_made_up("net", noise=0.5)
    aligned = predicted_in_crops(faces, maps_of(faces))
    centres = aligned.mean(axis=1)
    np.testing.assert_allclose(centres, np.broadcast_to(centres[0], centres.shape))
    eyes = aligned[:, 45] - aligned[:, 36]
    rolls = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    assert np.abs(rolls).max() < 10
    sizes = np.linalg.norm(aligned - centres[:, None], axis=-1).mean(axis=1)
    assert sizes.std() / sizes.mean() < 0.05


def test_the_mean_shape_is_symmetric_and_lies_in_the_crop(faces: Sequence[Face]):
    write_made_up("net")
    aligned = apply_map(unit_map(FORMAT.crop_size), predicted_in_crops(faces, maps_of(faces)))
    mean = aligned.mean(axis=0)
    flipped = hflip_landmarks(mean, flip_indices_of(INFO.points, IBUG_68))
    assert np.abs(mean - flipped).max() < 0.03
    assert mean.min() > 0.1
    assert mean.max() < 0.9


def test_twins_and_originals_are_aligned_without_the_offset_of_their_labels(faces: Sequence[Face]):
    write_made_up("net")
    offset = LabelOffset(px=3.0, box_sides=0.0)
    plain, without = maps_of(faces), maps_of(faces, offset)
    signs = np.array([-1 if face.is_mirrored else 1 for face in faces])
    centres = np.array([[(f.box[0] + f.box[2], f.box[1] + f.box[3])] for f in faces if f.box]) / 2
    moved = apply_map(invert(without), apply_map(plain, centres))
    np.testing.assert_allclose((moved - centres)[:, 0, 0], -3.0 * signs, atol=0.3)


def test_predictions_without_the_training_faces_are_refused_with_the_remedy(faces: Sequence[Face]):
    write_made_up("net")
    predictions_file("net", "train").unlink()
    with pytest.raises(PipelineError, match=r"add corrections\.net to params\.yaml"):
        maps_of(faces)


def test_predictions_of_other_faces_are_refused(faces: Sequence[Face]):
    write_made_up("net")
    found = read_predictions("net", "validation")
    shorter = LandmarkPredictions(**{name: value[:-1] for name, value in vars(found).items()})
    train = read_predictions("net", "train")
    write_predictions("net", INFO, {"train": train, "validation": shorter})
    with pytest.raises(PipelineError, match="validation faces where the data set has"):
        maps_of(faces)


def test_prepare_cuts_aligned_crops_with_the_pixels_under_their_landmarks(
    faces: Sequence[Face], rendered_ibug: Path
):
    write_made_up("net")
    Path("data/raw").mkdir()
    Path("data/raw/ibug").symlink_to(rendered_ibug)
    Path("params.yaml").write_text(TASK)
    own = Path("data/own")
    own.mkdir()
    Path("data/crops").unlink()
    prepare("aligned")
    write_crops(own / "boxes", rendered_ibug, faces, DATASET.split(faces, 0.1), FORMAT)
    with CropStore(Path("data/crops/aligned")) as aligned, CropStore(own / "boxes") as boxes:
        rows = np.arange(len(faces))
        np.testing.assert_array_equal(aligned.landmarks_photo[rows], boxes.landmarks_photo[rows])
        np.testing.assert_allclose(aligned.photo_to_crop[rows], maps_of(faces))
        for row in aligned.rows("train"):  # the middle of the face has the same colours in both
            inner = np.array([(x, y) for x in range(20, 29) for y in range(20, 29)], float)
            elsewhere = apply_map(
                boxes.photo_to_crop[row], apply_map(invert(aligned.photo_to_crop[row]), inner)
            )
            nearest = elsewhere.round().astype(int)
            own_pixels = aligned.crops[row][inner[:, 1].astype(int), inner[:, 0].astype(int)]
            other = boxes.crops[row][nearest[:, 1], nearest[:, 0]]
            assert np.abs(own_pixels.astype(float) - other).mean() < 12
