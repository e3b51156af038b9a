"""submissions/history.csv: a row for each upload to Kaggle."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.tables import parse_integer, parse_number, text_encoding


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
    validation_score: float | None = None  # by the competition's metric
    rank: int | None = None  # of the best own public score, after this submission
    n_teams: int | None = None
    best_public_score: float | None = None
    to_next_rank: float | None = None  # how much lower the next better score is
    to_top: float | None = None
    submissions_left: int | None = None  # on the day of the upload


COLUMNS = tuple(field.name for field in fields(SubmissionRecord))
_TEXTS, _COUNTS = COLUMNS[:6], ("rank", "n_teams", "submissions_left")
_N_OLD_COLUMNS = COLUMNS.index("private_score") + 1  # of logs by earlier versions


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
            columns = tuple(reader.fieldnames or ())
            if columns not in (COLUMNS, COLUMNS[:_N_OLD_COLUMNS]):
                raise PipelineError(f"{path}: the first line should be {','.join(COLUMNS)}")
            return [_parse_row(reader.line_num, row, columns) for row in reader]
    except (UnicodeError, csv.Error) as error:
        raise PipelineError(f"{path}: not a CSV in UTF-8 ({error})") from error


def append_record(record: SubmissionRecord) -> None:
    """Append a record to the log."""
    _write([*read_history(), record])


def replace_record(old: SubmissionRecord, new: SubmissionRecord) -> None:
    """Replace a record of the log, for example when its scores are known."""
    _write([new if row == old else row for row in read_history()])


def _parse_row(line: int, row: dict[str, Any], columns: Sequence[str]) -> SubmissionRecord:
    place = f"{paths.SUBMISSION_LOG}: line {line}"
    try:
        if None in row or None in row.values():
            raise ValueError(f"there should be {len(columns)} columns")
        for name in columns[len(_TEXTS) :]:
            parse = parse_integer if name in _COUNTS else parse_number
            row[name] = parse(place, name, row[name]) if row[name] else None
        return SubmissionRecord(**row)
    except ValueError as error:
        raise PipelineError(f"{place}: {error}") from error


def _write(records: list[SubmissionRecord]) -> None:
    with (
        paths.atomic_file(paths.SUBMISSION_LOG) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(record) for record in records)
