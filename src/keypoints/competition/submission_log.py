"""submissions/history.csv: what was sent to Kaggle, when, from which state, and how it scored."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from keypoints.core.errors import PipelineError


class HistoryError(PipelineError):
    """A history that cannot be read; the message names the row."""


@dataclass(frozen=True)
class SubmissionRecord:
    """A row of the history.

    Attributes:
        time: Of the sending, UTC, ISO 8601.
        competition: Its slug.
        sha256: Of the file.
        revision: Git's, with -dirty behind it where files were changed.
        model: That predicted.
        message: As Kaggle shows it.
        validation_mae_px: Of the model, locally; None: unknown.
        public_score: None until Kaggle tells.
        private_score: None until Kaggle tells.
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
    """All sendings, the first one first; none where there is no file.

    Raises:
        HistoryError: If the file is no history.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise HistoryError(f"{path}: the first line should be {','.join(COLUMNS)}")
            return [_sending(path, reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise HistoryError(f"{path}: no CSV in UTF-8 ({error})") from error


def append_record(path: Path, sending: SubmissionRecord) -> None:
    """Append a row."""
    _write(path, [*read_history(path), sending])


def add_scores(
    path: Path, sending: SubmissionRecord, public: float | None, private: float | None
) -> SubmissionRecord:
    """Put scores into the row of a sending; the row as it is now."""
    scored = replace(sending, public_score=public, private_score=private)
    _write(path, [scored if row == sending else row for row in read_history(path)])
    return scored


def _sending(path: Path, line: int, row: dict[str, str]) -> SubmissionRecord:
    values: dict[str, Any] = dict(row)
    try:
        if None in row or None in row.values():
            raise ValueError(f"there should be {len(COLUMNS)} columns")
        values |= {name: float(row[name]) if row[name] else None for name in _NUMBERS}
        return SubmissionRecord(**values)
    except (TypeError, ValueError) as error:
        raise HistoryError(f"{path}: line {line}: {error}") from error


def _write(path: Path, sendings: Iterable[SubmissionRecord]) -> None:
    """Write a file beside it first: a history is whole or as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(sending) for sending in sendings)
    unfinished.replace(path)
