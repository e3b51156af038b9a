"""Damaged model files are read, or raise a ModelFileError."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Edit, byte_edits, edit_bytes, odd_values, replace_one

from keypoints.config.params import Params
from keypoints.crops.format import Task
from keypoints.models.build import build_network, read_model_settings
from keypoints.models.checkpoint import ModelFileError, ModelInfo
from keypoints.models.predict import load_model, save_model


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "model.safetensors"


@pytest.fixture(scope="module")
def good(params: Params, path: Path) -> bytes:
    """A model file with a few hundred weights."""
    model = read_model_settings(params, "nose_net")
    model = model.model_copy(update={"channels": 1, "hidden_features": 1})
    task: Task = params.entry("tasks", "nose", Task)
    task = task.model_copy(update={"height": 46, "width": 46})
    info = ModelInfo(name="m", seed=1, lr=0.1, scheme="imm58", model=model, task=task)
    save_model(path, build_network(model, task, 1, seed=1), info)
    return path.read_bytes()


def split_header(content: bytes) -> tuple[bytes, bytes]:
    """The header with its length, and the weights."""
    end = 8 + int.from_bytes(content[:8], "little")
    return content[:end], content[end:]


def read(path: Path) -> None:
    try:
        load_model(path)
    except ModelFileError as error:
        assert str(path) in str(error)


@settings(max_examples=300)
@given(edits=byte_edits, in_header=st.booleans())
def test_damaged_bytes_are_a_model_or_raise_only_its_error(
    path: Path, good: bytes, edits: list[Edit], in_header: bool
):
    header, weights = split_header(good)
    if in_header:
        path.write_bytes(edit_bytes(header, edits) + weights)
    else:
        path.write_bytes(edit_bytes(good, edits))
    read(path)


@settings(max_examples=300)
@given(
    number=st.integers(0, 1 << 16), odd=odd_values, is_key=st.booleans(), in_settings=st.booleans()
)
def test_odd_values_in_the_header(
    path: Path, good: bytes, number: int, odd: Any, is_key: bool, in_settings: bool
):
    header, weights = split_header(good)
    tree = json.loads(header[8:])
    if in_settings:  # JSON in the JSON of the header
        model_settings = json.loads(tree["__metadata__"]["settings"])
        model_settings = replace_one(model_settings, number, odd, is_key=is_key)
        tree["__metadata__"]["settings"] = json.dumps(model_settings)
    else:
        tree = replace_one(tree, number, odd, is_key=is_key)
    text = json.dumps(tree).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + weights)
    read(path)


def test_a_weight_that_is_not_finite(path: Path, good: bytes):
    path.write_bytes(good[:-4] + b"\0\0\xc0\x7f")  # float32 NaN
    with pytest.raises(ModelFileError, match="not finite"):
        load_model(path)
