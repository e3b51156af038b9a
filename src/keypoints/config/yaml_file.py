"""A params.yaml as plain values, laid over those of the file that it names as its base.

Read with ruamel.yaml (YAML 1.2), because DVC writes `-S lr=1e-5` as `1e-05`, which PyYAML reads
as a string.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode

from keypoints.config.messages import SettingsError

MAX_BYTES = 256 << 10
MAX_VALUES = 10_000  # with aliases followed: a few lines of them can stand for billions
MAX_BRACKETS = 500  # ruamel's time grows with their square
_DAMAGE = (  # what ruamel raises where a text is not as it should be
    YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class SettingsFile:
    """What a file says, and which file says it.

    Attributes:
        path: Of the file.
        base: Of the file whose settings hold for what this one does not name; None: there is none.
        overrides: Read from `path`.
        values: Of both.
    """

    path: Path
    base: Path | None
    overrides: Any
    values: Any

    def source_of(self, keys: tuple[int | str, ...]) -> Path:
        """The file to change where a setting is wrong or missing."""
        return (
            self.path if self.base is None or not keys or keys[0] in self.overrides else self.base
        )


def read_settings_file(path: Path) -> SettingsFile:
    """Read a file and its base.

    Raises:
        SettingsError: If one of them is missing or not YAML, or the base cannot be one.
    """
    own = _load(path, "run this from the folder of its dvc.yaml")
    if not isinstance(own, dict) or not isinstance(own.get("base"), str):
        return SettingsFile(path, None, own, own)
    base = path.parent / own["base"]
    under = _load(base, f"{path} names it as its base; correct that")
    if not isinstance(under, dict) or under.get("base") is not None:
        raise SettingsError(
            f"{path}: base should name a file of settings that has no base itself; "
            f"got {own['base']!r}"
        )
    return SettingsFile(path, base, own, under | own)


def _load(path: Path, way_out: str) -> Any:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; {way_out}") from error
    except ValueError as error:  # a name with a zero in it
        raise SettingsError(f"{str(path)!r}: {error}; {way_out}") from error
    if len(text) > MAX_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_BYTES:,} bytes, as no settings are")
    try:
        return _construct(text.decode())
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        key = re.match(r'found duplicate (?:merge )?key "(.*?)"', error.problem)
        name = key[1] if key else "?"
        raise SettingsError(
            f'{path}: duplicate key "{name}" in line {line}: a block has each name once; rename or '
            "remove one of the two"
        ) from error
    except _DAMAGE as error:
        raise SettingsError(f"{path}: not YAML: {_yaml_message(error)}; mend it") from error


def _construct(text: str) -> Any:
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise YAMLError(f"more than {MAX_BRACKETS} brackets")
    yaml = YAML(typ="safe", pure=True)
    node = yaml.compose(text)
    if _n_values(node, {}) > MAX_VALUES:
        raise YAMLError(f"it stands for more than {MAX_VALUES:,} values")
    return None if node is None else yaml.constructor.construct_document(node)


def _n_values(node: Any, counted: dict[int, int]) -> int:
    """How many values a node stands for, aliases followed; beyond all, where it holds itself."""
    if id(node) not in counted:
        counted[id(node)] = MAX_VALUES
        within: list[Any] = []
        if isinstance(node, MappingNode):
            within = [part for pair in node.value for part in pair]
        elif isinstance(node, SequenceNode):
            within = node.value
        counted[id(node)] = 1 + sum(_n_values(part, counted) for part in within)
    return counted[id(node)]


def _yaml_message(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "blocks within blocks, too deep to read"
    if isinstance(error, MarkedYAMLError) and error.problem and error.problem_mark:
        mark = error.problem_mark
        return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"
    return str(error) or type(error).__name__
