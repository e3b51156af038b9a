"""Errors that a user can fix; scripts print their message and exit with code 1.

    PipelineError
    +-- FormatError        faces.face              a data set's file breaks its format
    +-- PhotoError         annotation.images       a user's photo cannot be read
    +-- TableError         core.tables             a CSV breaks its format
    +-- SettingsError      config.messages         a setting of params.yaml cannot be used
    +-- DownloadError      download.mirrors        a file cannot be downloaded
    +-- KaggleError        download.kaggle_client  Kaggle refuses, or cannot be reached
    +-- SubmissionError    competition.submission  a CSV breaks the competition's format
    +-- ModelFileError     models.checkpoint       a model file is missing, damaged or the wrong one
    +-- MissingOutputError statistics.revisions    a revision lacks an output of a stage
    +-- TrainingError      training.loop           training cannot continue

Errors that no code catches by type are plain `PipelineError`s.
"""

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path


class PipelineError(Exception):
    """A problem outside the program; the message names the place, the problem and the remedy."""


def first_line(error: BaseException) -> str:
    """First line of another library's error message, or the error's type if it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def shorten_list(names: Sequence[str], count: int = 5) -> str:
    """The first names, printable and separated by commas, and the number of the others."""
    more = len(names) - count
    shown = ", ".join(map(printable, names[:count]))
    return shown + (f" and {more:,} more" if more > 0 else "")


def printable(name: str) -> str:
    """A file name with escapes for bytes that are not UTF-8 and for control characters."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escape_controls(text: str, *, keep: str = "") -> str:
    """A text without control characters, which XML forbids and a terminal might obey.

    Args:
        text: The text.
        keep: Control characters that are not escaped.
    """

    def escape(control: re.Match[str]) -> str:
        return control[0] if control[0] in keep else f"\\x{ord(control[0]):02x}"

    return re.sub("[\0-\x1f\x7f-\x9f\ufffe\uffff]", escape, text)


def is_disk_full(error: OSError) -> bool:
    """Whether an error means that the disk is full or a quota is reached."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def space_remedy(error: OSError) -> str:
    """What makes room for a file that could not be written; empty for errors of other kinds."""
    if error.errno == errno.EFBIG:
        return "raise the limit of file sizes (`ulimit -f`), or choose another file system"
    return "free some space" if is_disk_full(error) else ""


def os_error_message(error: OSError, place: Path | str | None = None) -> str:
    """What the operating system reported and where, and the remedy if space is missing.

    `place` is used if the error names no file.
    """
    reason = error.strerror or str(error) or type(error).__name__
    files = error.filename2, error.filename, place  # the second name of a renaming is the target
    named = next((name for name in files if name is not None), None)
    text = f"{os.fsdecode(named)}: {reason}" if isinstance(named, str | bytes | Path) else reason
    remedy = space_remedy(error)
    return f"{text}; {remedy} and run the command again" if remedy else text
