"""Mutated settings, model files and CSVs: each is valid or refused in its own words, soon.

Every mutation is of a good file: bytes cut out and put in anywhere, or a value or a name of the
parsed settings changed for an odd one.
"""

import copy
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spec import submission_spec_for
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from keypoints.competition.submission import SubmissionError, read_submission, write_submission
from keypoints.config.messages import SettingsError
from keypoints.config.params import read_params
from keypoints.models.build import build_network
from keypoints.models.predict import ModelFileError, ModelInfo, load_model, save_model

pytestmark = pytest.mark.usefixtures("no_old_garbage")

COMMITTED = Path(__file__).parents[2] / "params.yaml"
PARAMS = read_params(COMMITTED)
MOST_CPU_S, MOST_KIB = 1.0, 200 << 10
ASKED = submission_spec_for(3, 2)

edits = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.integers(0, 12), st.binary(max_size=6)),
    min_size=1,
    max_size=4,
)
odd_values = st.sampled_from(
    [None, True, -1, 0, 1e308, 10**30, float("nan"), float("-inf"), "", "1e-3", "é", "x" * 10_000]
    + [
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


def mutated(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for at, n_cut, put_in in edits:
        at %= len(content) + 1
        content = content[:at] + put_in + content[at + n_cut :]
    return content


def with_odd_value(tree: Any, number: int, odd: Any, *, is_key: bool) -> Any:
    """A copy in which one value of all, or its name, is another."""
    tree = copy.deepcopy(tree)
    places = list(places_of(tree))
    block, key = places[number % len(places)]
    if is_key and isinstance(block, dict):
        block[str(odd)[:20]] = block.pop(key)
    else:
        block[key] = odd
    return tree


def places_of(block: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(block) if isinstance(block, dict) else range(len(block)):
        yield block, key
        if isinstance(block[key], dict | list):
            yield from places_of(block[key])


@contextmanager
def soon_and_small() -> Iterator[None]:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    yield
    assert time.process_time() - start < MOST_CPU_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < MOST_KIB


def is_read(read: Callable[[], object], refusal: type[Exception], path: Path) -> bool:
    """Whether it was; another error than the reader's own ends the test."""
    with soon_and_small():
        try:
            read()
        except refusal as error:
            assert path.name in str(error)
            return False
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated")


@pytest.fixture(scope="module")
def small_params() -> dict[str, Any]:
    """The committed settings with one task and one model."""
    values = YAML(typ="safe", pure=True).load(COMMITTED.read_text())
    values["tasks"] = {"nose": values["tasks"]["nose"]}
    values["models"] = {"nose_net": values["models"]["nose_net"]}
    return values


@settings(max_examples=1400)
@given(edits=edits)
def test_text_of_settings(folder: Path, small_params: dict[str, Any], edits: list) -> None:
    path = folder / "params.yaml"
    text = json.dumps(small_params, indent=1).replace('"', "")
    path.write_bytes(mutated(text.encode(), edits))
    is_read(lambda: read_params(path), SettingsError, path)


@settings(max_examples=600)
@given(number=st.integers(0, 1 << 16), odd=odd_values, is_key=st.booleans())
def test_values_and_names_of_settings(
    folder: Path, small_params: dict[str, Any], number: int, odd: Any, is_key: bool
) -> None:
    path = folder / "params.yaml"
    values = with_odd_value(small_params, number, odd, is_key=is_key)
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)
    is_read(lambda: read_params(path), SettingsError, path)


@pytest.fixture(scope="module")
def model_file(folder: Path) -> bytes:
    """A network of a few hundred weights."""
    model = PARAMS.models["nose_net"].model_copy(update={"channels": 1, "hidden": 1})
    task = PARAMS.tasks["nose"].model_copy(update={"height": 46, "width": 46})
    given = ModelInfo(name="m", seed=1, lr=0.1, scheme="imm58", model=model, task=task)
    save_model(folder / "good.safetensors", build_network(model, task, 1, seed=1), given)
    return (folder / "good.safetensors").read_bytes()


@settings(max_examples=1400)
@given(edits=edits, where=st.sampled_from([0, 8, None]))
def test_bytes_of_a_model_file(
    folder: Path, model_file: bytes, edits: list, where: int | None
) -> None:
    path = folder / "model.safetensors"
    n_header = 8 + int.from_bytes(model_file[:8], "little")
    end = {0: 8, 8: n_header, None: len(model_file)}[where]
    path.write_bytes(mutated(model_file[:end], edits) + model_file[end:])
    is_read(lambda: load_model(path), ModelFileError, path)


@settings(max_examples=600)
@given(number=st.integers(0, 1 << 16), odd=odd_values, is_key=st.booleans(), inside=st.booleans())
def test_header_of_a_model_file(
    folder: Path, model_file: bytes, number: int, odd: Any, is_key: bool, inside: bool
) -> None:
    path = folder / "model.safetensors"
    n_header = 8 + int.from_bytes(model_file[:8], "little")
    header = json.loads(model_file[8:n_header])
    if inside:  # the settings that the file carries, as JSON in the header's JSON
        carried = json.loads(header["__metadata__"]["settings"])
        carried = with_odd_value(carried, number, odd, is_key=is_key)
        header["__metadata__"]["settings"] = json.dumps(carried)
    else:
        header = with_odd_value(header, number, odd, is_key=is_key)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + model_file[n_header:])
    is_read(lambda: load_model(path), ModelFileError, path)


@settings(max_examples=2000)
@given(edits=edits)
def test_bytes_of_a_submission(folder: Path, edits: list) -> None:
    path = folder / "submission.csv"
    write_submission(path, np.arange(12.0).reshape(3, 2, 2), ASKED)
    path.write_bytes(mutated(path.read_bytes(), edits))
    is_read(lambda: read_submission(path, ASKED), SubmissionError, path)
