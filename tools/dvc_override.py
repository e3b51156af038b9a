"""Print a setting as `dvc exp run -S` takes it: `python tools/dvc_override.py KEY VALUE`.

DVC parses values by Hydra's grammar, in which blanks, brackets, commas and other characters have a
meaning. Quotes remove it, except from null, true and false.
"""

import argparse
import re
import sys
import unicodedata

LITERALS = ("null", "true", "false")


def dvc_override(key: str, value: str) -> str:
    """`KEY=VALUE` with quotes.

    Raises:
        ValueError: If params.yaml cannot contain the value.
    """
    if value in ("", *LITERALS):
        return f"{key}={value or 'null'}"
    is_stored = all(each.isprintable() or unicodedata.category(each) == "Zs" for each in value)
    if "${" in value or not is_stored:
        raise ValueError("must contain neither ${ nor control or format characters")
    # Hydra takes \" for a quote, and \\ for a backslash if a quote follows.
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', value)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f'{key}="{escaped}"'


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("key")
    parser.add_argument("value")
    arguments = parser.parse_args()
    try:
        print(dvc_override(arguments.key, arguments.value))
    except ValueError as error:
        sys.exit(f"error: {arguments.key} {error}; got {arguments.value!r}")


if __name__ == "__main__":
    main()
