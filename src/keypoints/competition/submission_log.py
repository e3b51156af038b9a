"""submissions/history.csv: a row for each upload to Kaggle."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from keypoints.core import paths
from keypoints.core.errors import PipelineError


@dataclass(frozen=True)
class SubmissionRecord:
    """A submission, as a row of the log.

    Attributes:
        time: Time of the upload, UTC, ISO 8601.
        competition: Slug of the competition.
        sha256: SHA-256 of the CSV.
        revision: Git revision, with the suffix -dirty if files had uncommitted changes.
        model: Name of the predictions: a model, a corrected model or an ensemble.
        message: Message on Kaggle.
        validation_mae_px: Score on the validation faces; None: unknown.
        public_score: Kaggle's public score; None: not scored yet.
        private_score: Kaggle's private score; None: not published yet.
    """

    time: str
    competition: str
    sha256: str
    revision: str
    model: str
    message: str
    validation_mae_px: float | None = None
    public_score: float | None = None
    private_score: float | None = None


COLUMNS = tuple(field.name for field in fields(SubmissionRecord))
_NUMBERS = ("validation_mae_px", "public_score", "private_score")


def read_history(path: Path) -> list[SubmissionRecord]:
    """Read the log, the oldest record first; a missing file is an empty log.

    Raises:
        PipelineError: If the file is not a log.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise PipelineError(f"{path}: the first line should be {','.join(COLUMNS)}")
            return [_parse_row(path, reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PipelineError(f"{path}: not a CSV in UTF-8 ({error})") from error


def append_record(path: Path, record: SubmissionRecord) -> None:
    """Append a record to the log."""
    _write(path, [*read_history(path), record])


def add_scores(
    path: Path, record: SubmissionRecord, public: float | None, private: float | None
) -> SubmissionRecord:
    """Add scores to a record of the log, and return the new record."""
    scored = replace(record, public_score=public, private_score=private)
    _write(path, [scored if row == record else row for row in read_history(path)])
    return scored


def _parse_row(path: Path, line: int, row: dict[str, str]) -> SubmissionRecord:
    values: dict[str, Any] = dict(row)
    try:
        if None in row or None in row.values():
            raise ValueError(f"there should be {len(COLUMNS)} columns")
        values |= {name: float(row[name]) if row[name] else None for name in _NUMBERS}
        return SubmissionRecord(**values)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"{path}: line {line}: {error}") from error


def _write(path: Path, records: Iterable[SubmissionRecord]) -> None:
    with (
        paths.atomic_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(record) for record in records)
