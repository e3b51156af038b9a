"""The Kaggle CSV: exact text, a round trip, and every wrong row named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from spec import submission_spec_for
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from keypoints.competition.registry import CS194_26
from keypoints.competition.submission import (
    SubmissionError,
    implausible_points,
    read_submission,
    write_submission,
)

GOLDEN = Path(__file__).parent / "golden"
TWO_FACES = np.array([[(1.0, 2.5), (-3.25, 400.0)], [(0.1234, 0.0006), (1e-9, 99999.9996)]])
ASKED = submission_spec_for(2, 2)

some_landmarks = arrays(
    float,
    array_shapes(min_dims=2, max_dims=2, max_side=6).map(lambda shape: (*shape, 2)),
    elements=st.floats(-1e5, 1e5),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "model.csv"


def written(path: Path) -> str:
    write_submission(path, TWO_FACES, ASKED)
    return path.read_bytes().decode("ascii")


def refusal(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SubmissionError) as caught:
        read_submission(path, ASKED)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_bytes_are_exactly_those_of_the_golden_file(path: Path):
    written(path)
    assert path.read_bytes() == (GOLDEN / "cs194_26.csv").read_bytes()


@given(some_landmarks)
def test_what_is_written_is_read_back(tmp_path_factory, landmarks_photo: np.ndarray):
    path = tmp_path_factory.mktemp("round trip") / "model.csv"
    asked = submission_spec_for(*landmarks_photo.shape[:2])
    write_submission(path, landmarks_photo, asked)
    back = read_submission(path, asked)
    assert back.shape == landmarks_photo.shape
    assert np.abs(back - landmarks_photo).max() < 1e-3


@given(some_landmarks, st.data())
def test_a_damaged_byte_is_refused_or_changes_one_number(tmp_path_factory, landmarks_photo, data):
    path = tmp_path_factory.mktemp("damage") / "model.csv"
    asked = submission_spec_for(*landmarks_photo.shape[:2])
    write_submission(path, landmarks_photo, asked)
    before, content = read_submission(path, asked), bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        after = read_submission(path, asked)
    except SubmissionError as error:
        assert str(path) in str(error)
    else:
        assert (before != after).sum() <= 1


@given(some_landmarks, st.data())
def test_a_file_without_one_of_its_lines_is_always_refused(tmp_path_factory, landmarks_photo, data):
    path = tmp_path_factory.mktemp("lost line") / "model.csv"
    asked = submission_spec_for(*landmarks_photo.shape[:2])
    write_submission(path, landmarks_photo, asked)
    lines = path.read_text().splitlines(keepends=True)
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    path.write_text("".join(lines))
    with pytest.raises(SubmissionError):
        read_submission(path, asked)


def test_ids_count_from_zero_and_coordinates_take_turns(path: Path):
    landmarks_photo = np.arange(716 * 68 * 2).reshape(716, 68, 2).astype(float)
    write_submission(path, landmarks_photo, submission_spec_for(716, 68))
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
    with pytest.raises(SubmissionError, match=r"model\.csv: face 1 has a point .*helen/face_1"):
        write_submission(path, landmarks_photo, ASKED)
    assert not path.exists()


def test_landmarks_of_another_number_of_faces_are_refused(path: Path):
    with pytest.raises(SubmissionError, match=r"shape \(1, 2, 2\) where .* asks for \(2, 2, 2\)"):
        write_submission(path, TWO_FACES[:1], ASKED)


def test_refused_predictions_leave_the_last_submission_as_it_was(path: Path):
    text = written(path)
    with pytest.raises(SubmissionError):
        write_submission(path, np.full((2, 2, 2), np.nan), ASKED)
    assert path.read_text() == text


ROW = "row 2 should be '2,NUMBER'; got"


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ("2,-3.250", "2,nan", f"{ROW} '2,nan': not a finite number (line 4)"),
        ("2,-3.250", "2,inf", f"{ROW} '2,inf': not a finite number (line 4)"),
        ("2,-3.250", "2,1e999", f"{ROW} '2,1e999': too large a number (line 4)"),
        ("2,-3.250", "2,", f"{ROW} '2,': not a finite number (line 4)"),
        ("2,-3.250", "2", f"{ROW} '2': no comma (line 4)"),
        ("2,-3.250", "", f"{ROW} '': not the Id that comes next (line 4)"),
        ("2,-3.250", "2,-3,250", f"{ROW} '2,-3,250': not a finite number (line 4)"),
        ("2,-3.250", "2;-3.250", f"{ROW} '2;-3.250': not the Id that comes next (line 4)"),
        ("2,-3.250", "3,-3.250", f"{ROW} '3,-3.250': Id 2 is missing (line 4)"),
        ("2,-3.250", "1,-3.250", f"{ROW} '1,-3.250': Id 1 comes out of turn (line 4)"),
        ("2,-3.250", "02,-3.250", f"{ROW} '02,-3.250': not the Id that comes next (line 4)"),
        ("2,-3.250", "two,-3.250", f"{ROW} 'two,-3.250': not the Id that comes next (line 4)"),
        ("2,-3.250", "2,-3_250", f"{ROW} '2,-3_250': not a finite number (line 4)"),
        ("2,-3.250", "2, -3.250", f"{ROW} '2, -3.250': not a finite number (line 4)"),
        ("2,-3.250", "2,-3.250\r", "line 4 ends otherwise than line 1"),
        ("2,-3.250", "2,-3.2\r50", f"{ROW} '2,-3.2\\r50': not a finite number (line 4)"),
        ("2,-3.250", "2,−3.250", "line 4 has the byte 0xe2; only ASCII is allowed"),
        ("2,-3.250\n", "", "7 rows where the test set asks for 8 (2 faces x 4)"),
        ("2,-3.250\n", "", "first, row 2 should be '2,NUMBER'; got '3,400.000': Id 2 is missing"),
        ("2,-3.250\n", "2,-3.250\n\n", "9 rows where the test set asks for 8 (2 faces x 4)"),
        ("2,-3.250\n3,400.000\n", "3,400.000\n2,-3.250\n", "row 2 should be '2,NUMBER'"),
        ("Id,Predicted", "id,predicted", "first line should be Id,Predicted; got 'id,predicted'"),
        ("Id,Predicted", "\ufeffId,Predicted", "begins with a byte order mark"),
        ("Id,Predicted\n", "", "first line should be Id,Predicted; got '0,1.000'"),
        ("100000.000\n", "100000.000", "the last line has no end; it may be cut short"),
    ],
)
def test_wrong_row_is_named_with_its_number_and_reason(
    path: Path, line: str, instead: str, reason: str
):
    text = written(path)
    assert line in text
    assert reason in refusal(path, text.replace(line, instead, 1))


def test_other_encodings_and_empty_files_are_refused(path: Path):
    text = written(path)
    assert "line 1 has the byte 0xff" in refusal(path, text.encode("utf-16"))
    assert "is empty" in refusal(path, b"")


def test_a_missing_file_is_named(path: Path):
    with pytest.raises(SubmissionError, match=r"model\.csv: No such file"):
        read_submission(path, ASKED)


def test_other_number_of_faces_is_refused(path: Path):
    written(path)
    with pytest.raises(
        SubmissionError, match=r"8 rows where .* asks for 97,376 \(716 faces x 136\)"
    ):
        read_submission(path, submission_spec_for(716, 68))


def test_windows_line_ends_and_exponents_are_read(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"Id,Predicted\r\n0,1.5e1\r\n1,2.000E-3\r\n")
    assert read_submission(path, submission_spec_for(1, 1)).tolist() == [[[15, 0.002]]]


def test_a_point_far_from_its_box_is_a_warning_with_the_face_s_name():
    landmarks_photo = np.full((3, 2, 2), 100.0)
    landmarks_photo[1, 1] = (100, -49)  # 99 px above a box of 100 x 100 px
    landmarks_photo[2, 1] = (100, 265)
    asked = submission_spec_for(3, 2)
    assert implausible_points(landmarks_photo, asked) == [
        "face 2, helen/face_2: point 1 lies 1.1 sides of its box outside of it; no real one does"
    ]
    assert (
        implausible_points(landmarks_photo, replace(asked, boxes_photo=np.full((3, 4), np.nan)))
        == []
    )


def test_within_limits_numbers_are_clipped_when_written_and_refused_when_read(path: Path):
    limited = replace(CS194_26, limits=(0.0, 96.0), first_id=1)
    asked = replace(ASKED, competition=limited, values=np.array([7, 2, 1]))
    write_submission(path, TWO_FACES, asked)
    assert path.read_text() == "Id,Predicted\n1,96.000\n2,0.000\n3,2.500\n"
    back = read_submission(path, asked)
    assert back[1, 1, 1] == 96 and back[0, 1, 0] == 0 and back[0, 0, 1] == 2.5
    assert np.isnan(back).sum() == 5
    path.write_text("Id,Predicted\n1,96.001\n2,0.000\n3,2.500\n")
    with pytest.raises(SubmissionError, match=r"row 0 .* got '1,96\.001': should be within 0 and"):
        read_submission(path, asked)
    path.write_text("Id,Predicted\n1,96\n")
    with pytest.raises(SubmissionError, match=r"1 rows where the test set asks for 3 \(of 2 faces"):
        read_submission(path, asked)
