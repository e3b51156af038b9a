"""Kaggle's facial-keypoints-detection: its lookup table, its CSV, its solution and its score."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from spec import make_spec

from keypoints.competition.base import SubmissionSpec, find_competition, load_submission_spec
from keypoints.competition.local_score import score, score_text
from keypoints.competition.submission import SubmissionError, read_submission, write_submission
from keypoints.competition.test_labels import read_test_labels
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import FOUR_POINTS, KAGGLE_15_POINTS
from keypoints.core.lookup_table import kind_weights
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.datasets.kaggle15 import DATASET, write_photos
from keypoints.rendered.writers import write_kaggle15

COMPETITION = find_competition("facial-keypoints-detection")
GOLDEN = Path(__file__).parent / "golden/facial_keypoints_detection.csv"
LOOKUP_TABLE = "IdLookupTable.csv"
HEADER = "RowId,ImageId,FeatureName,Location\n"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kaggle15")
    write_kaggle15(folder, faces=12, test_faces=5, seed=1, workers=1)
    write_photos(folder)
    return folder


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory, rendered: Path) -> SubmissionSpec:
    folder = tmp_path_factory.mktemp("store") / "kaggle15"
    faces = DATASET.read(rendered)
    format_ = CropFormat(96, 96, margin=0, colour=False, box_scale=None, scheme="kaggle15")
    write_crops(folder, rendered, faces, DATASET.split(faces, 0.2), format_)
    for name in DATASET.store_files:
        shutil.copy(rendered / name, folder)
    return load_submission_spec(COMPETITION, folder)


def test_the_specification_has_the_rows_of_the_lookup_table(spec: SubmissionSpec, rendered: Path):
    with (rendered / LOOKUP_TABLE).open() as file:
        rows = list(csv.DictReader(file))
    assert len(spec.row_indices) == len(rows) < 5 * 30
    for row, face, point in zip(rows, spec.row_faces, spec.row_points, strict=True):
        assert int(row["ImageId"]) == face + 1
        name = KAGGLE_15_POINTS[point if point < 15 else FOUR_POINTS[point - 15]]
        assert row["FeatureName"].startswith(name)
    assert {point >= 15 for point in spec.row_points} == {False, True}
    by_face = [set(spec.row_points[spec.row_faces == face] >= 15) for face in range(5)]
    assert all(len(kinds) == 1 for kinds in by_face)


def test_a_lookup_table_lists_coordinates_by_image_and_column(tmp_path: Path) -> None:
    rows = "1,1,nose_tip_y,\n2,1,left_eye_inner_corner_x,\n3,2,nose_tip_y,\n"
    (tmp_path / LOOKUP_TABLE).write_text(f"{HEADER}{rows}")
    indices = COMPETITION.row_indices(tmp_path, (2, 19, 2))
    assert indices.tolist() == [21, 4, 38 + 2 * 17 + 1]  # the second image is of the second kind
    assert kind_weights(tmp_path / LOOKUP_TABLE) == pytest.approx(
        {"15 points": 2 / 3, "4 points": 1 / 3}
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2,1,nose_tip_x,", "row 1 should have RowId 1, an ImageId up to 5"),
        ("1,6,nose_tip_x,", "row 1 should have RowId 1, an ImageId up to 5"),
        ("1,0,nose_tip_x,", "row 1 should have RowId 1, an ImageId up to 5"),
        ("1,1,nose_x,", "row 1 should have RowId 1, an ImageId up to 5"),
        ("1,one,,", "ImageId should be a number; got 'one'"),
        ("1", "1 columns; there should be 4"),
        ("", "contains no rows"),
    ],
)
def test_a_wrong_row_of_the_lookup_table_is_named(tmp_path: Path, row: str, problem: str):
    (tmp_path / LOOKUP_TABLE).write_text(f"{HEADER}{row}\n")
    with pytest.raises(PipelineError, match=problem):
        COMPETITION.row_indices(tmp_path, (5, 15, 2))


def test_a_lookup_table_that_is_cut_short_is_refused(tmp_path: Path):
    (tmp_path / LOOKUP_TABLE).write_text(f"{HEADER}1,2,nose_tip_x,\n2,2,nose_tip_y,\n")
    with pytest.raises(PipelineError, match=r"no row for 2 of 3 test images, with ImageId 1, 3;"):
        COMPETITION.row_indices(tmp_path, (3, 19, 2))


def test_bytes_equal_the_golden_file_and_values_have_a_range(tmp_path: Path):
    landmarks_photo = np.full((2, 15, 2), 1.0)
    landmarks_photo[0, 0] = (96.4, -1.0)
    landmarks_photo[1, 3] = (2.5, 48.1234)
    spec = make_spec(2, 15, COMPETITION, row_indices=np.array([0, 1, 30 + 6, 30 + 7]))
    write_submission(tmp_path / "15.csv", landmarks_photo, spec)
    assert (tmp_path / "15.csv").read_bytes() == GOLDEN.read_bytes()
    (tmp_path / "15.csv").write_text(GOLDEN.read_text().replace("48.123", "96.5"))
    with pytest.raises(SubmissionError, match="got '4,96.5': should be from 0 to 96"):
        read_submission(tmp_path / "15.csv", spec)


def test_the_score_is_the_root_mean_square_error(spec: SubmissionSpec, rendered: Path):
    target = read_test_labels(spec, rendered)
    assert np.isnan(target).any()
    predicted = np.nan_to_num(target)
    assert score(predicted, target, spec).score == 0
    predicted.ravel()[spec.row_indices[0]] += 3.0
    expected = 3.0 / np.sqrt(len(spec.row_indices))
    assert score(predicted, target, spec).score == pytest.approx(expected)


def test_the_score_is_the_mixture_of_the_kinds(spec: SubmissionSpec, rendered: Path):
    target = read_test_labels(spec, rendered)
    predicted = np.nan_to_num(target)
    predicted[:, 15:] += 2.0  # only in faces of the second kind
    result = score(predicted, target, spec)
    values = {name: value for name, (value, _) in result.kinds.items()}
    assert values == pytest.approx({"15 points": 0, "4 points": 2})
    fraction = np.mean(spec.row_points >= 15)
    assert result.score == pytest.approx(2 * np.sqrt(fraction))
    assert "faces with 4 points: 2.0000, 95 % interval 2.0000 to 2.0000" in score_text(result, spec)


def test_without_a_solution_the_error_says_that_kaggle_publishes_none(
    spec: SubmissionSpec, tmp_path: Path
):
    with pytest.raises(PipelineError, match=r"no solution\.csv, .*Kaggle's files do not"):
        read_test_labels(spec, tmp_path)
    (tmp_path / "solution.csv").write_text("RowId,Location\n1,5.0\n")
    with pytest.raises(PipelineError, match="should have .* rows of RowId,Location"):
        read_test_labels(spec, tmp_path)


def test_a_solution_that_another_program_saved_is_read(
    spec: SubmissionSpec, rendered: Path, tmp_path: Path
):
    text = (rendered / "solution.csv").read_text().replace("\n2,", "\n2.0,")
    (tmp_path / "Solution.CSV").write_bytes(f"{text}\n\x1a".replace("\n", "\r\n").encode("utf-16"))
    expected = read_test_labels(spec, rendered)
    assert np.array_equal(read_test_labels(spec, tmp_path), expected, equal_nan=True)


@pytest.mark.parametrize("content", [b"", b"RowId,Location\n1,word\n", b"\xff\xfeR\x00"])
def test_a_damaged_solution_is_named(spec: SubmissionSpec, tmp_path: Path, content: bytes):
    (tmp_path / "solution.csv").write_bytes(content)
    with pytest.raises(PipelineError, match=r"solution\.csv: .*; run `dvc repro` to restore it"):
        read_test_labels(spec, tmp_path)
