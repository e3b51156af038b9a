"""A wrong setting in the house's words: what pydantic found, named as the user typed it."""

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def explain(detail: ErrorDetails, values: Any, blocks: Sequence[type[BaseModel]]) -> str:
    """One problem in the house's words: key, rule, what was got, and the nearest known key.

    Args:
        detail: The problem.
        values: The whole file, as it was read.
        blocks: All kinds of blocks of settings.
    """
    key = ".".join(_typed_keys(detail["loc"], values))
    got, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return f"{key} is missing; copy it from an entry of its kind"
        case "extra_forbidden":
            return f"{key} is not a setting{_nearest(detail['loc'], values, blocks)}"
        case "literal_error":
            return f"{key} must be one of {_listed(context['expected'])}; got {got!r}"
        case "union_tag_invalid":
            name = f"{key}.architecture"
            return (
                f"{name} must be one of {_listed(context['expected_tags'])}; got {context['tag']!r}"
            )
        case "union_tag_not_found":
            return f"{key}.architecture is missing; it names the network"
        case "model_type" | "dict_type":
            return f"{key or 'the file'} should be a block of settings; got {got!r}"
        case "value_error":
            return f"{key + '.' if key else ''}{context['error']}"
    rule = detail["msg"].split("should ", 1)[-1]
    return f"{key} should {rule}; got {got!r}"


def _listed(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _typed_keys(location: tuple[int | str, ...], values: Any) -> list[str]:
    """The keys as the user typed them, without the names that pydantic puts between them."""
    keys = []
    for part in location:
        if isinstance(values, dict) and part not in values and part == values.get("architecture"):
            continue
        keys.append(str(part))
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
        if not isinstance(values, dict | list):
            break
    return keys


def _nearest(
    location: tuple[int | str, ...], values: Any, blocks: Sequence[type[BaseModel]]
) -> str:
    """A hint at the known key of the same block that looks most like the unknown one."""
    *parents, key = _typed_keys(location, values)
    for parent in parents:
        values = values[parent]
    block = max(blocks, key=lambda block: len(values.keys() & block.model_fields))
    matches = difflib.get_close_matches(key, block.model_fields, n=1)
    return f"; did you mean {matches[0]}?" if matches else " of this block; remove it"
