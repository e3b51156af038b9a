"""CSV tables that other programs may have written: one strict format, in several notations.

A byte order mark, any line ends, blank lines and blanks around a value are accepted. A number may
be written as 36, 36.0 or 3.6e1.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from keypoints.core.errors import PipelineError

NAMES_AS_TEXT: dict[str, Any] = {  # for pandas.read_csv: faces may be named 007 or NA
    "dtype": {"face": str, "group": str},
    "keep_default_na": False,
    "na_values": [""],
}

DOS_END = "\x1a"  # Ctrl-Z, with which old programs end a text file

_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the first half of it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = {";": "semicolons", "\t": "tabs"}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_MAX_VALUE = 1 << 20  # characters; an image of Kaggle as numpy.savetxt writes it has 230,000
_MAX_SHOWN = 60  # characters of a value
_MAX_INTEGER = 2**53  # a float distinguishes integers up to it
_MAX_DIGITS = 18  # Python parses no integer of more than 4,300


class TableError(PipelineError):
    """A table breaks its format; the message names the file, the line and the rule."""


def text_encoding(path: Path, default: str = "utf-8") -> str:
    """Encoding of a text file by its byte order mark; `default` if it has none."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _ENCODINGS.items() if start.startswith(mark)), default)


def read_rows(path: Path, header: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Iterate over the rows below the header, each with its place for messages.

    Raises:
        TableError: If the file is not a CSV of these columns.
    """
    with path.open(encoding=text_encoding(path), newline="") as file:
        reader = csv.reader(file)
        csv.field_size_limit(_MAX_VALUE)
        try:
            rows = ([value.strip().strip(DOS_END) for value in row] for row in reader)
            filled = filter(any, rows)
            _check_header(path, next(filled, []), header)
            for row in filled:
                place = f"{path}: line {reader.line_num}"
                if len(row) != len(header):
                    columns = f"{len(row)} columns; there should be {len(header)}"
                    raise TableError(f"{place}: {columns}")
                yield place, row
        except (csv.Error, UnicodeError) as error:
            raise TableError(f"{path}: after line {reader.line_num}: {error}") from error


def parse_number(place: str, column: str, text: str) -> float:
    """Parse a finite number.

    Raises:
        TableError: If the text is no number; a decimal comma is named.
    """
    with suppress(ValueError):
        return to_float(text)
    got = f"{_shorten(text)}{decimal_comma_hint(text)}"
    raise TableError(f"{place}: {column} should be a number; got {got}")


def to_float(text: str) -> float:
    """Convert the text of a finite number; ValueError for others, such as `1_0`."""
    if _NUMBER.fullmatch(text.strip()) and abs(number := float(text)) < float("inf"):
        return number
    raise ValueError(f"should be a number; got {_shorten(text)}")


def decimal_comma_hint(text: str) -> str:
    """The end of a message about a text that is no number; empty if it has no decimal comma."""
    return ", which has a decimal comma" if _DECIMAL_COMMA.fullmatch(text) else ""


def parse_integer(place: str, column: str, text: str) -> int:
    """Parse an integer, which may be written as 36.0 or 3.6e1; TableError if it is none."""
    if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS:
        return int(text)
    number = parse_number(place, column, text)
    if number != int(number) or abs(number) > _MAX_INTEGER:
        raise TableError(f"{place}: {column} should be an integer; got {_shorten(text)}")
    return int(number)


def _check_header(path: Path, found: Sequence[str], header: Sequence[str]) -> None:
    if list(found) == list(header):
        return
    wanted = f"{path}: the first line should have the columns {_shorten(','.join(header))}"
    for separator, name in _SEPARATORS.items():
        if len(found) == 1 and found[0].count(separator) == len(header) - 1 > 0:
            raise TableError(f"{wanted}; its columns are separated by {name} instead of commas")
    pairs = zip(found, header, strict=False)
    differing = next((n for n, (one, other) in enumerate(pairs) if one != other), None)
    if differing is None:
        raise TableError(f"{wanted}; got {len(found)} columns instead of {len(header)}")
    raise TableError(
        f"{wanted}; column {differing + 1} should be {header[differing]!r}; got "
        f"{_shorten(found[differing])}"
    )


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}...")
