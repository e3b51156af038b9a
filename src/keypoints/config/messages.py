"""A wrong setting in the house's words: what pydantic found, named as the user typed it."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from keypoints.core.errors import PipelineError

MAX_SHOWN = 20  # problems of one file
_LONGEST = 100  # characters of a key or a value
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _LONGEST
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist = 2, 4, 6


class SettingsError(PipelineError):
    """A setting that cannot be used; the message names key, rule and value."""


def format_errors(
    details: Sequence[ErrorDetails],
    values: Any,
    blocks: Sequence[type[BaseModel]],
    file_of: Callable[[tuple[int | str, ...]], Path],
) -> str:
    """A line for each problem, up to as many as a user wants to read at once.

    Args:
        details: The problems.
        values: All settings, as they were read.
        blocks: All kinds of blocks of settings.
        file_of: From a setting's place to the file that says it.
    """
    lines = [
        f"{file_of(detail['loc'])}: {format_error(detail, values, blocks)}"
        for detail in details[:MAX_SHOWN]
    ]
    further = len(details) - MAX_SHOWN
    return "\n".join(lines + ([f"and {further:,} further problems"] if further > 0 else []))


def format_error(detail: ErrorDetails, values: Any, blocks: Sequence[type[BaseModel]]) -> str:
    """One problem in the house's words: key, rule, what was got, and the nearest known key.

    Args:
        detail: The problem.
        values: All settings, as they were read.
        blocks: All kinds of blocks of settings.
    """
    keys, block = _typed_keys(detail["loc"], values)
    key, got, context = ".".join(keys), _shown(detail["input"]), detail.get("ctx", {})
    if keys[-1:] == ["[key]"]:
        return f"{'.'.join(keys[:-1])} has a name that is no text: {got}; put it in quotes"
    match detail["type"]:
        case "missing":
            return f"{key} is missing; copy it from an entry of its kind"
        case "extra_forbidden":
            return f"{key} is not a setting{_did_you_mean(keys[-1], block, blocks)}"

        case "literal_error":
            return f"{key} must be one of {_listed(context['expected'])}; got {got}"
        case "union_tag_invalid":
            name = f"{key}.architecture"
            known, tag = _listed(context["expected_tags"]), _shown(context["tag"])
            return f"{name} must be one of {known}; got {tag}"
        case "union_tag_not_found":
            return f"{key}.architecture is missing; it names the network"
        case "model_type" | "dict_type":
            return f"{key or 'the file'} should be a block of settings; got {got}"
        case "value_error":
            told = str(context["error"])  # of the block, or of a key in it
            return (
                f"{key}{' ' if told.startswith(('must', 'should')) else '.'}{told}" if key else told
            )
    rule = detail["msg"].split("should ", 1)[-1].split(" after validation")[0]
    return f"{key} should {rule}; got {got}"


def _listed(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _shown(value: Any) -> str:
    """A value as text that is never long, whatever a file makes of it."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "an endless number"


def _typed_keys(location: tuple[int | str, ...], values: Any) -> tuple[list[str], Any]:
    """The keys as the user typed them, without the names that pydantic puts between them.

    Returns:
        The keys, and the block that the last one stands in.
    """
    keys: list[str] = []
    block = values
    for part in location:
        if isinstance(values, dict) and part not in values and part == values.get("architecture"):
            continue
        keys.append(str(part)[:_LONGEST])
        block = values
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
        if not isinstance(values, dict | list):
            break
    return keys, block


def _did_you_mean(key: str, block: dict[Any, Any], blocks: Sequence[type[BaseModel]]) -> str:
    """A hint at the known key of the same block that looks most like the unknown one."""
    kind = max(blocks, key=lambda kind: len(block.keys() & kind.model_fields))
    matches = difflib.get_close_matches(key, kind.model_fields, n=1)
    return f"; did you mean {matches[0]}?" if matches else " of this block; remove it"
