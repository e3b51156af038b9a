"""submissions/history.csv: a row for each upload to Kaggle."""

import csv
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.tables import text_encoding


@dataclass(frozen=True)
class SubmissionRecord:
    """A submission, as a row of the log; None for a score that is not known (yet)."""

    time: str  # of the upload, UTC, ISO 8601
    competition: str  # slug
    sha256: str  # of the CSV
    revision: str  # of git, with the suffix -dirty if files had uncommitted changes
    model: str  # name of the predictions: a model, a corrected model or an ensemble
    message: str  # on Kaggle
    validation_mae_px: float | None = None
    public_score: float | None = None
    private_score: float | None = None


COLUMNS = tuple(field.name for field in fields(SubmissionRecord))


def read_history() -> list[SubmissionRecord]:
    """Read the log, the oldest record first; a missing file is an empty log.

    Raises:
        PipelineError: If the file is not a log.
    """
    path = paths.SUBMISSION_LOG
    if not path.exists():
        return []
    try:
        with path.open(encoding=text_encoding(path), newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise PipelineError(f"{path}: the first line should be {','.join(COLUMNS)}")
            return [_parse_row(reader.line_num, row) for row in reader]
    except (UnicodeError, csv.Error) as error:
        raise PipelineError(f"{path}: not a CSV in UTF-8 ({error})") from error


def append_record(record: SubmissionRecord) -> None:
    """Append a record to the log."""
    _write([*read_history(), record])


def add_scores(record: SubmissionRecord, public: float | None, private: float | None) -> None:
    """Add scores to a record of the log."""
    scored = replace(record, public_score=public, private_score=private)
    _write([scored if row == record else row for row in read_history()])


def _parse_row(line: int, row: dict[str, Any]) -> SubmissionRecord:
    numbers = ("validation_mae_px", "public_score", "private_score")
    try:
        if None in row or None in row.values():
            raise ValueError(f"there should be {len(COLUMNS)} columns")
        row |= {name: float(row[name]) if row[name] else None for name in numbers}
        return SubmissionRecord(**row)
    except ValueError as error:
        raise PipelineError(f"{paths.SUBMISSION_LOG}: line {line}: {error}") from error


def _write(records: list[SubmissionRecord]) -> None:
    with (
        paths.atomic_file(paths.SUBMISSION_LOG) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(record) for record in records)
