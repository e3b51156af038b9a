"""Damaged submission files are read, or raise a SubmissionError."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from mutations import Edit, byte_edits, edit_bytes
from spec import make_spec

from keypoints.competition.submission import SubmissionError, read_submission, write_submission

SPEC = make_spec(3, 2)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "submission.csv"


@pytest.fixture(scope="module")
def good(path: Path) -> bytes:
    write_submission(path, np.arange(12.0).reshape(3, 2, 2), SPEC)
    return path.read_bytes()


@settings(max_examples=500)
@given(edits=byte_edits)
def test_damaged_bytes_are_a_submission_or_raise_only_its_error(
    path: Path, good: bytes, edits: list[Edit]
):
    path.write_bytes(edit_bytes(good, edits))
    try:
        landmarks_photo = read_submission(path, SPEC)
    except SubmissionError as error:
        assert path.name in str(error)
    else:
        assert landmarks_photo.shape == (3, 2, 2)
