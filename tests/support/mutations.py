"""Mutations of good files, for fuzz tests: changed bytes, and odd values or keys in a tree."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Edit = tuple[int, int, bytes]  # position, bytes that are cut out there, bytes that are inserted

byte_edits = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.integers(0, 12), st.binary(max_size=6)),
    min_size=1,
    max_size=4,
)
odd_values = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1e308,
        10**30,
        float("nan"),
        float("-inf"),
        "",
        "1e-3",
        "é",
        "x" * 10_000,
        [],
        [[]],
        ["7", 7],
        {},
        {"nose": {}},
        {"": None},
        {1: 2},
        "nose_net",
        "\0",
        "${x}",
        "http://[",
    ]
)


def edit_bytes(content: bytes, edits: list[Edit]) -> bytes:
    """Apply edits one after the other."""
    for position, n_cut, inserted in edits:
        position %= len(content) + 1
        content = content[:position] + inserted + content[position + n_cut :]
    return content


def replace_one(tree: Any, number: int, odd: Any, *, is_key: bool) -> Any:
    """A copy of a tree of dicts and lists with one value, or one key, replaced."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    block, key = places[number % len(places)]
    if is_key and isinstance(block, dict):
        block[str(odd)[:20]] = block.pop(key)
    else:
        block[key] = odd
    return tree


def _places(block: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(block) if isinstance(block, dict) else range(len(block)):
        yield block, key
        if isinstance(block[key], dict | list):
            yield from _places(block[key])
