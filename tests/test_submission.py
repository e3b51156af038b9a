"""The Kaggle CSV: exact text, a round trip, and every wrong row named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from keypoints.submission import SubmissionError, read_submission, write_submission

TWO_FACES = np.array([[(1.0, 2.5), (-3.25, 400.0)], [(0.1234, 0.0006), (1e-9, 99999.9996)]])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "model.csv"


def written(path: Path) -> str:
    write_submission(path, TWO_FACES)
    return path.read_bytes().decode("ascii")


def test_text_is_exactly_that_of_the_competition(path: Path):
    assert written(path) == (
        "Id,Predicted\n"
        "0,1.000\n"
        "1,2.500\n"
        "2,-3.250\n"
        "3,400.000\n"
        "4,0.123\n"
        "5,0.001\n"
        "6,0.000\n"
        "7,100000.000\n"
    )


@given(
    arrays(
        float,
        array_shapes(min_dims=2, max_dims=2, max_side=6).map(lambda shape: (*shape, 2)),
        elements=st.floats(-1e5, 1e5),
    )
)
def test_what_is_written_is_read_back(tmp_path_factory, landmarks_photo: np.ndarray):
    path = tmp_path_factory.mktemp("round trip") / "model.csv"
    write_submission(path, landmarks_photo)
    back = read_submission(path, *landmarks_photo.shape[:2])
    assert back.shape == landmarks_photo.shape
    assert np.abs(back - landmarks_photo).max() < 1e-3


def test_ids_count_from_zero_and_coordinates_take_turns(path: Path):
    write_submission(path, np.arange(716 * 68 * 2).reshape(716, 68, 2).astype(float))
    rows = path.read_text().splitlines()[1:]
    assert len(rows) == 97_376
    assert rows[0] == "0,0.000"
    assert rows[1] == "1,1.000"  # y of the first point of the first face
    assert rows[136] == "136,136.000"  # x of the first point of the second face
    assert rows[-1] == "97375,97375.000"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_number_that_is_not_finite_is_refused_and_nothing_written(path: Path, value: float):
    landmarks_photo = TWO_FACES.copy()
    landmarks_photo[1, 0, 1] = value
    with pytest.raises(SubmissionError, match=r"model\.csv: face 1 has a point"):
        write_submission(path, landmarks_photo)
    assert not path.exists()


def test_refused_predictions_leave_the_last_submission_as_it_was(path: Path):
    text = written(path)
    with pytest.raises(SubmissionError):
        write_submission(path, np.full((1, 2, 2), np.nan))
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ("2,-3.250", "2,nan", "row 2 should be '2,NUMBER'; got '2,nan'"),
        ("2,-3.250", "2,inf", "row 2 should be '2,NUMBER'; got '2,inf'"),
        ("2,-3.250", "2,", "row 2 should be '2,NUMBER'; got '2,'"),
        ("2,-3.250", "2", "row 2 should be '2,NUMBER'; got '2'"),
        ("2,-3.250", "", "row 2 should be '2,NUMBER'; got ''"),
        ("2,-3.250", "2,-3,250", "row 2 should be '2,NUMBER'; got '2,-3,250'"),
        ("2,-3.250", "2;-3.250", "row 2 should be '2,NUMBER'; got '2;-3.250'"),
        ("2,-3.250", "3,-3.250", "row 2 should be '2,NUMBER'; got '3,-3.250'"),
        ("2,-3.250", "02,-3.250", "row 2 should be '2,NUMBER'; got '02,-3.250'"),
        ("2,-3.250", "two,-3.250", "row 2 should be '2,NUMBER'; got 'two,-3.250'"),
        ("2,-3.250", "2,-3_250", "row 2 should be '2,NUMBER'; got '2,-3_250'"),
        ("2,-3.250\n", "", "7 rows where the test set asks for 8 (2 faces x 4)"),
        ("2,-3.250\n", "2,-3.250\n\n", "9 rows where the test set asks for 8 (2 faces x 4)"),
        ("2,-3.250\n3,400.000\n", "3,400.000\n2,-3.250\n", "row 2 should be '2,NUMBER'"),
        ("Id,Predicted", "id,predicted", "first line should be Id,Predicted; got 'id,predicted'"),
        ("Id,Predicted", "\ufeffId,Predicted", "Id,Predicted"),
        ("Id,Predicted\n", "", "first line should be Id,Predicted; got '0,1.000'"),
        ("100000.000\n", "100000.000", "the last line has no end"),
    ],
)
def test_wrong_row_is_named_with_its_number_and_reason(
    path: Path, line: str, instead: str, reason: str
):
    text = written(path)
    assert line in text
    path.write_bytes(text.replace(line, instead, 1).encode())
    with pytest.raises(SubmissionError) as caught:
        read_submission(path, n_faces=2, n_points=2)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


def test_other_number_of_faces_is_refused(path: Path):
    written(path)
    with pytest.raises(
        SubmissionError, match=r"8 rows where .* asks for 97,376 \(716 faces x 136\)"
    ):
        read_submission(path, n_faces=716, n_points=68)


def test_windows_line_ends_are_read(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"Id,Predicted\r\n0,1.500\r\n1,2.000\r\n")
    assert read_submission(path, n_faces=1, n_points=1).tolist() == [[[1.5, 2.0]]]
