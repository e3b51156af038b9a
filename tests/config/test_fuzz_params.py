"""Mutated settings are read, or raise a SettingsError."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Edit, byte_edits, edit_bytes, odd_values, replace_one
from ruamel.yaml import YAML

from keypoints.config.base import Seed
from keypoints.config.messages import SettingsError
from keypoints.config.params import read_params
from keypoints.crops.augment import Augment
from keypoints.crops.format import Task

COMMITTED = Path(__file__).parents[2] / "params.yaml"
KINDS = {"tasks": Task, "augment": Augment, "models": dict[str, Any]}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated") / "params.yaml"


@pytest.fixture(scope="module")
def small_params() -> dict[str, Any]:
    """The committed settings with one entry in each block."""
    values = YAML(typ="safe", pure=True).load(COMMITTED.read_text())
    for block in ("datasets", *KINDS):
        name, entry = next(iter(values[block].items()))
        values[block] = {name: entry}
    return values


def read_all(path: Path) -> None:
    try:
        params = read_params(path)
    except SettingsError:
        return
    for read in (lambda: params.read("seed", Seed), lambda: params.read("lr", float)):
        ignore_settings_error(read)
    for block, kind in KINDS.items():
        try:
            names = params.names(block)
        except SettingsError:
            continue
        for name in names:
            ignore_settings_error(lambda: params.entry(block, name, kind))  # noqa: B023


def ignore_settings_error(read: Any) -> None:
    try:
        read()
    except SettingsError as error:
        assert len(str(error)) < 10_000


@settings(max_examples=200)
@given(edits=byte_edits)
def test_damaged_settings_are_valid_or_raise_only_their_error(
    path: Path, small_params: dict[str, Any], edits: list[Edit]
):
    text = json.dumps(small_params, indent=1).replace('"', "")
    path.write_bytes(edit_bytes(text.encode(), edits))
    read_all(path)


@settings(max_examples=200)
@given(number=st.integers(0, 1 << 16), odd=odd_values, is_key=st.booleans())
def test_odd_values_and_keys(
    path: Path, small_params: dict[str, Any], number: int, odd: Any, is_key: bool
):
    values = replace_one(small_params, number, odd, is_key=is_key)
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)
    read_all(path)
