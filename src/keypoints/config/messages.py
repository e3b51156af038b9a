"""Messages about wrong settings: pydantic's errors in terms of what the user typed."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from keypoints.core.errors import PipelineError

_MAX_SHOWN = 20  # problems of one block
_MAX_LENGTH = 100  # characters of a key or a value
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _MAX_LENGTH
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist = 2, 4, 6


class SettingsError(PipelineError):
    """A setting that cannot be used; the message names the key, the rule and the value."""


def format_errors(
    details: Sequence[ErrorDetails], keys: Sequence[str], value: Any, kind: Any, source: Path
) -> str:
    """A line per problem that pydantic found in a block: the key, the rule, and the value.

    `keys` is the key of the block, split at the dots, and `kind` its type.
    """
    lines = [f"{source}: {_format_error(detail, keys, value, kind)}" for detail in details]
    more = len(lines) - _MAX_SHOWN
    return "\n".join(lines[:_MAX_SHOWN] + ([f"and {more:,} more problems"] if more > 0 else []))


def _format_error(detail: ErrorDetails, keys: Sequence[str], value: Any, kind: Any) -> str:
    location, got, context = detail["loc"], format_value(detail["input"]), detail.get("ctx", {})
    if detail["type"] == "invalid_key" or location[-1:] == ("[key]",):
        block = location[:-1] if detail["type"] == "invalid_key" else location[:-2]
        name = ".".join([*keys, *_typed_keys(block, value)])
        return f"{name} has a key that is not text: {got}; put it in quotes"
    path = _typed_keys(location, value)
    key = ".".join([*keys, *path])
    match detail["type"]:
        case "missing":
            return f"{key} is missing; copy it from another entry"
        case "extra_forbidden":
            return f"{key} is not a setting{_did_you_mean(path, kind)}"
        case "literal_error":
            expected = context["expected"].replace("'", "").replace(" or ", ", ")
            return f"{key} must be one of {expected}; got {got}"
        case "model_type" | "dict_type":
            return f"{key} should be a block of settings; got {got}"
        case "value_error":
            problem = str(context["error"])  # of the block, or of one of its keys
            separator = " " if problem.startswith(("must", "should")) else "."
            return f"{key}{separator}{problem}"
    rule = detail["msg"].split("should ", 1)[-1].split(" after validation")[0]
    return f"{key} should {rule}; got {got}"


def join_names(names: Iterable[str]) -> str:
    """Names for a message, separated by commas."""
    return ", ".join(names)


def format_value(value: Any) -> str:
    """A value of the file as short text."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "a number of more than 4,300 digits"


def _typed_keys(location: tuple[int | str, ...], value: Any) -> list[str]:
    """The keys below the block as the user typed them, without the names that pydantic adds."""
    keys: list[str] = []
    for part in location:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            break
        keys.append(str(part)[:_MAX_LENGTH])
    return keys


def _did_you_mean(path: Sequence[str], kind: Any) -> str:
    block = _block_type(kind, path[:-1])
    matches = difflib.get_close_matches(path[-1], block.model_fields if block else (), n=1)
    return f"; did you mean {matches[0]}?" if matches else " of this block; remove it"


def _block_type(kind: Any, path: Sequence[str]) -> type[BaseModel] | None:
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        nested = (_block_type(argument, path) for argument in get_args(kind))
        return next(filter(None, nested), None)
    if not path:
        return kind
    field = kind.model_fields.get(path[0])
    return _block_type(field.annotation, path[1:]) if field else None
