"""A params.yaml as plain values, completed by those of its `base` file.

Read with ruamel.yaml (YAML 1.2), because DVC writes `-S lr=1e-5` as `1e-05`, which PyYAML reads
as a string. The file is trusted: DVC parses it before this project does.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from keypoints.config.messages import SettingsError

_YAML_ERRORS = (  # what ruamel.yaml raises for text that is not YAML
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
    """A settings file, and the base that provides what the file leaves out.

    That is whole top-level keys, and single settings of `datasets`.
    """

    path: Path
    base: Path | None
    overrides: Any  # of `path` alone
    values: Any  # of both files

    def source_of(self, key: Any) -> Path:
        """The file to correct if the setting with this top-level key is wrong or missing."""
        return self.path if self.base is None or key in self.overrides else self.base


def read_settings_file(path: Path) -> SettingsFile:
    """Read a file and its base; SettingsError if one is missing or not YAML."""
    overrides = _load(path, "run this from the folder of its dvc.yaml")
    if not isinstance(overrides, dict) or not isinstance(overrides.get("base"), str):
        return SettingsFile(path, None, overrides, overrides)
    base = path.parent / overrides["base"]
    defaults = _load(base, f"correct `base` in {path}")
    if not isinstance(defaults, dict) or defaults.get("base") is not None:
        got = overrides["base"]
        raise SettingsError(
            f"{path}: base should name a settings file that has no base itself; got {got!r}"
        )
    merged = defaults | overrides
    if "datasets" in overrides:
        merged["datasets"] = _merge(defaults.get("datasets"), overrides["datasets"])
    return SettingsFile(path, base, overrides, merged)


def _merge(default: Any, override: Any) -> Any:
    """Replace single values of nested blocks."""
    if not isinstance(default, dict) or not isinstance(override, dict):
        return override
    return default | {key: _merge(default.get(key), value) for key, value in override.items()}


def _load(path: Path, remedy: str) -> Any:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; {remedy}") from error
    except ValueError as error:  # a name with a NUL byte
        raise SettingsError(f"{str(path)!r}: {error}; {remedy}") from error
    try:
        return _parse(text.decode("utf-8-sig"))
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        key = re.match(r'found duplicate (?:merge )?key "(.*?)"', error.problem)
        name = key[1] if key else "?"
        raise SettingsError(
            f'{path}: duplicate key "{name}" in line {line}: rename or remove one of the two'
        ) from error
    except _YAML_ERRORS as error:
        raise SettingsError(f"{path}: not YAML: {_yaml_message(error)}; correct it") from error


def _parse(text: str) -> Any:
    """Parse YAML with libyaml, and what it refuses again without: those messages are clearer."""
    try:
        return YAML(typ="safe").load(text)
    except _YAML_ERRORS:
        return YAML(typ="safe", pure=True).load(text)


def _yaml_message(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "blocks are nested too deeply"
    if isinstance(error, MarkedYAMLError) and error.problem and error.problem_mark:
        mark = error.problem_mark
        return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"
    return str(error) or type(error).__name__
