"""The Kaggle CSV: exact bytes, a round trip, and a message for every wrong row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from spec import CS194_26, make_spec

from keypoints.competition.submission import (
    SubmissionError,
    implausible_points,
    read_submission,
    write_submission,
    write_validated,
)

GOLDEN = Path(__file__).parent / "golden"
TWO_FACES = np.array([[(1.0, 2.5), (-3.25, 400.0)], [(0.1234, 0.0006), (1e-9, 99999.9996)]])
SPEC = make_spec(2, 2)

some_landmarks = arrays(
    float,
    array_shapes(min_dims=2, max_dims=2, max_side=6).map(lambda shape: (*shape, 2)),
    elements=st.floats(-1e5, 1e5),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "model.csv"


def written(path: Path) -> str:
    write_submission(path, TWO_FACES, SPEC)
    return path.read_bytes().decode("ascii")


def error_for(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SubmissionError) as caught:
        read_submission(path, SPEC)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_bytes_equal_the_golden_file(path: Path):
    written(path)
    assert path.read_bytes() == (GOLDEN / "cs194_26.csv").read_bytes()


@given(some_landmarks)
def test_reading_returns_the_written_landmarks(tmp_path_factory, landmarks_photo: np.ndarray):
    path = tmp_path_factory.mktemp("round trip") / "model.csv"
    spec = make_spec(*landmarks_photo.shape[:2])
    write_submission(path, landmarks_photo, spec)
    back = read_submission(path, spec)
    assert back.shape == landmarks_photo.shape
    assert np.abs(back - landmarks_photo).max() < 1e-3


@given(some_landmarks, st.data())
def test_a_damaged_byte_is_an_error_or_changes_one_number(tmp_path_factory, landmarks_photo, data):
    path = tmp_path_factory.mktemp("damage") / "model.csv"
    spec = make_spec(*landmarks_photo.shape[:2])
    write_submission(path, landmarks_photo, spec)
    before, content = read_submission(path, spec), bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        after = read_submission(path, spec)
    except SubmissionError as error:
        assert str(path) in str(error)
    else:
        assert (before != after).sum() <= 1


@given(some_landmarks, st.data())
def test_a_missing_line_is_always_an_error(tmp_path_factory, landmarks_photo, data):
    path = tmp_path_factory.mktemp("lost line") / "model.csv"
    spec = make_spec(*landmarks_photo.shape[:2])
    write_submission(path, landmarks_photo, spec)
    lines = path.read_text().splitlines(keepends=True)
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    path.write_text("".join(lines))
    with pytest.raises(SubmissionError):
        read_submission(path, spec)


def test_ids_start_at_zero_and_x_precedes_y(path: Path):
    landmarks_photo = np.arange(716 * 68 * 2).reshape(716, 68, 2).astype(float)
    write_submission(path, landmarks_photo, make_spec(716, 68))
    rows = path.read_text().splitlines()[1:]
    assert len(rows) == 97_376
    assert rows[0] == "0,0.000"
    assert rows[1] == "1,1.000"  # y of the first point of the first face
    assert rows[136] == "136,136.000"  # x of the first point of the second face
    assert rows[-1] == "97375,97375.000"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_coordinate_that_is_not_finite_is_an_error_and_nothing_is_written(
    path: Path, value: float
):
    landmarks_photo = TWO_FACES.copy()
    landmarks_photo[1, 0, 1] = value
    with pytest.raises(
        SubmissionError, match=r"model\.csv\S*: face 1, helen/face_1: .* not finite"
    ):
        write_submission(path, landmarks_photo, SPEC)
    assert not path.exists()


def test_a_wrong_number_of_faces_is_an_error_on_writing(path: Path):
    with pytest.raises(SubmissionError, match=r"shape \(1, 2, 2\); .* needs \(2, 2, 2\)"):
        write_submission(path, TWO_FACES[:1], SPEC)


def test_invalid_predictions_leave_the_last_submission_unchanged(path: Path):
    text = written(path)
    with pytest.raises(SubmissionError):
        write_submission(path, np.full((2, 2, 2), np.nan), SPEC)
    with pytest.raises(SubmissionError, match=rf"{path}: face 0"):
        write_validated(path, np.full((2, 2, 2), np.nan), SPEC)
    assert path.read_text() == text


ROW = "row 2 should be '2,NUMBER'; got"


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ("2,-3.250", "2,nan", f"{ROW} '2,nan': not a finite number (line 4)"),
        ("2,-3.250", "2,inf", f"{ROW} '2,inf': not a finite number (line 4)"),
        ("2,-3.250", "2,1e999", f"{ROW} '2,1e999': the number is too large (line 4)"),
        ("2,-3.250", "2,", f"{ROW} '2,': not a finite number (line 4)"),
        ("2,-3.250", "2", f"{ROW} '2': no comma (line 4)"),
        ("2,-3.250", "", f"{ROW} '': a blank line (line 4)"),
        ("2,-3.250", "2,-3,250", f"{ROW} '2,-3,250': a decimal comma (line 4)"),
        ("2,-3.250", "2;-3.250", f"{ROW} '2;-3.250': not the next Id (line 4)"),
        ("2,-3.250", "3,-3.250", f"{ROW} '3,-3.250': Id 2 is missing (line 4)"),
        ("2,-3.250", "1,-3.250", f"{ROW} '1,-3.250': Id 1 is out of order (line 4)"),
        ("2,-3.250", "02,-3.250", f"{ROW} '02,-3.250': not the next Id (line 4)"),
        ("2,-3.250", "two,-3.250", f"{ROW} 'two,-3.250': not the next Id (line 4)"),
        ("2,-3.250", "2,-3_250", f"{ROW} '2,-3_250': not a finite number (line 4)"),
        ("2,-3.250", "2, -3.250", f"{ROW} '2, -3.250': not a finite number (line 4)"),
        ("2,-3.250", "2,-3.250\r", "line endings of lines 1 and 4 differ"),
        ("2,-3.250", "2,-3.2\r50", f"{ROW} '2,-3.2\\r50': not a finite number (line 4)"),
        ("2,-3.250", "2,−3.250", "line 4 has the byte 0xe2; only ASCII is allowed"),
        ("2,-3.250\n", "", "7 rows; the test set needs 8 (2 faces x 4)"),
        (
            "2,-3.250\n",
            "",
            "first problem: row 2 should be '2,NUMBER'; got '3,400.000': Id 2 is missing",
        ),
        ("2,-3.250\n", "2,-3.250\n\n", "9 rows; the test set needs 8 (2 faces x 4)"),
        ("100000.000\n", "100000.000\n \n", "got ' ': a blank line (line 10)"),
        ("2,-3.250\n3,400.000\n", "3,400.000\n2,-3.250\n", "row 2 should be '2,NUMBER'"),
        ("Id,Predicted", "id,predicted", "first line should be Id,Predicted; got 'id,predicted'"),
        ("Id,Predicted", "\ufeffId,Predicted", "begins with a byte order mark"),
        ("Id,Predicted\n", "", "first line should be Id,Predicted; got '0,1.000'"),
        ("100000.000\n", "100000.000", "the last line has no line end; the file may be truncated"),
    ],
)
def test_the_message_for_a_wrong_row_has_its_number_and_the_reason(
    path: Path, line: str, instead: str, reason: str
):
    text = written(path)
    assert line in text
    assert reason in error_for(path, text.replace(line, instead, 1))


def test_other_encodings_and_empty_files_are_errors(path: Path):
    text = written(path)
    assert "line 1 has the byte 0xff" in error_for(path, text.encode("utf-16"))
    assert "is empty" in error_for(path, b"")


def test_the_message_for_a_missing_file_has_its_path(path: Path):
    with pytest.raises(SubmissionError, match=r"model\.csv: No such file"):
        read_submission(path, SPEC)


def test_a_wrong_number_of_faces_is_an_error_on_reading(path: Path):
    written(path)
    with pytest.raises(SubmissionError, match=r"8 rows; .* needs 97,376 \(716 faces x 136\)"):
        read_submission(path, make_spec(716, 68))


def test_windows_line_endings_and_exponents_are_read(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"Id,Predicted\r\n0,1.5e1\r\n1,2.000E-3\r\n")
    assert read_submission(path, make_spec(1, 1)).tolist() == [[[15, 0.002]]]


def test_a_point_far_outside_its_box_is_a_warning_with_the_name_of_the_face():
    landmarks_photo = np.full((3, 2, 2), 100.0)
    landmarks_photo[1, 1] = (100, -49)  # 99 px above a box of 100 x 100 px
    landmarks_photo[2, 1] = (100, 265)
    spec = make_spec(3, 2)
    assert implausible_points(landmarks_photo, spec) == [
        "face 2, helen/face_2: point 1 is 1.1 box sides outside the box; annotated points never are"
    ]
    assert (
        implausible_points(landmarks_photo, replace(spec, boxes_photo=np.full((3, 4), np.nan)))
        == []
    )


def test_values_outside_the_range_are_clipped_on_writing_and_an_error_on_reading(path: Path):
    limited = replace(CS194_26, value_range=(0.0, 96.0), first_id=1)
    spec = replace(SPEC, competition=limited, row_indices=np.array([7, 2, 1]))
    write_submission(path, TWO_FACES, spec)
    assert path.read_text() == "Id,Predicted\n1,96.000\n2,0.000\n3,2.500\n"
    back = read_submission(path, spec)
    assert back[1, 1, 1] == 96 and back[0, 1, 0] == 0 and back[0, 0, 1] == 2.5
    assert np.isnan(back).sum() == 5
    path.write_text("Id,Predicted\n1,96.001\n2,0.000\n3,2.500\n")
    with pytest.raises(SubmissionError, match=r"row 0 .* got '1,96\.001': should be from 0 to 96"):
        read_submission(path, spec)
    path.write_text("Id,Predicted\n1,96\n")
    with pytest.raises(SubmissionError, match=r"1 rows; the test set needs 3 \(of 2 faces"):
        read_submission(path, spec)
