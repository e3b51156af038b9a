"""CSV tables as several programs write them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypoints.core.tables import TableError, parse_integer, parse_number, read_rows

HEADER = ("Id", "Value")
ROWS = [["1", "a b"], ["2", ""], ["3", "\u00e4"]]


def read(path: Path, content: str | bytes) -> list[list[str]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [row for _, row in read_rows(path, HEADER)]


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.sampled_from(["\n", "\r\n", "\r", "\r\r\n"]),
    st.lists(st.sampled_from(["", " ", ",", '""', "\t", " , "]), min_size=5, max_size=5),
    st.sampled_from(["{}", " {} ", '"{}"', '"{} "']),
    st.booleans(),
)
def test_encodings_line_ends_blank_lines_and_quotes_change_no_value(
    tmp_path_factory: pytest.TempPathFactory,
    encoding: str,
    line_end: str,
    blank: list[str],
    quotes: str,
    is_ended: bool,
):
    lines = [",".join(quotes.format(value) for value in row) for row in [HEADER, *ROWS]]
    mixed = [blank[0]] + [text for pair in zip(lines, blank[1:], strict=True) for text in pair]
    text = line_end.join(mixed) + line_end * is_ended
    path = tmp_path_factory.mktemp("table") / "table.csv"
    assert read(path, text.encode(encoding)) == ROWS


def test_an_end_of_dos_and_long_values_are_read(tmp_path: Path):
    value = "2.550000000000000000e+02 " * 9216
    rows = read(tmp_path / "table.csv", f"Id,Value\n1,{value}\n\x1a")
    assert rows == [["1", value.strip()]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Id;Value\n1;2\n", "columns are separated by semicolons instead of commas"),
        ("Id\tValue\n", "columns are separated by tabs instead of commas"),
        ("", "got 0 columns instead of 2"),
        ("Id\n", "got 1 columns instead of 2"),
        (",Id,Value\n", "column 1 should be 'Id'; got ''"),
        ("Id,value\n", "column 2 should be 'Value'; got 'value'"),
        ("Id,Value\n\n1\n", "line 3: 1 columns; there should be 2"),
        (b"Id,Value\n1,\xe4\n", "after line "),
        (b"I\0d\0,\0V\0", "column 1 should be 'Id'; got 'I"),
        (b"\xff\xfeI", "after line 0: "),
    ],
)
def test_what_differs_from_the_format_is_named(tmp_path: Path, content: str | bytes, problem: str):
    with pytest.raises(TableError) as caught:
        read(tmp_path / "table.csv", content)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'table.csv'}: ")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_that_python_writes_is_parsed(number: float):
    assert parse_number("place", "column", repr(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("36", 36), ("36.0", 36), ("3.6e1", 36), ("1E2", 100), ("+07", 7), ("5.", 5)],
)
def test_an_integer_may_be_written_as_a_float(text: str, number: int):
    assert parse_integer("place", "column", text) == number


@pytest.mark.parametrize(
    "text", ["", "36.5", "3,6", "1_0", "nan", "1e999", "9" * 5000, "9" * 20, "0x1", "\u0663", "1 0"]
)
def test_other_texts_are_no_integers(text: str):
    with pytest.raises(TableError, match="place: column should be "):
        parse_integer("place", "column", text)


def test_a_decimal_comma_is_named():
    with pytest.raises(TableError, match="got '65,77', which has a decimal comma"):
        parse_number("place", "column", "65,77")
