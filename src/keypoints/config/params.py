"""params.yaml, validated block by block: a stage reads only the settings that it uses.

The class that validates a block is defined next to the code that it configures:
`params.read("tasks.nose", Task)`.
"""

import difflib
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from keypoints.config.base import Settings
from keypoints.config.messages import SettingsError, format_errors, format_value, join_names
from keypoints.config.yaml_file import SettingsFile, read_settings_file

_VALUES = "base", "seed", "lr", "source", "mirror", "device", "compile", "processes", "competition"
_BLOCKS = "datasets", "tasks", "augment", "optim", "models", "tta", "corrections", "ensembles"
TOP_LEVEL = _VALUES + _BLOCKS


class Params:
    """The settings of a params.yaml, and of its `base` for the keys that it leaves out.

    Methods raise SettingsError for a setting that is missing, unknown or invalid.
    """

    def __init__(self, file: SettingsFile) -> None:
        self._file = file
        if not isinstance(file.values, dict):
            raise SettingsError(f"{file.path}: the file should be a block of settings")
        for key in file.values:
            if key not in TOP_LEVEL:
                name = key if isinstance(key, str) else format_value(key)
                near = difflib.get_close_matches(name, TOP_LEVEL, n=1)
                hint = f"did you mean {near[0]}?" if near else "remove it"
                raise SettingsError(f"{file.source_of(key)}: {name} is not a setting; {hint}")

    def read(self, key: str, kind: Any) -> Any:
        """Validate one setting or block.

        Args:
            key: Dotted key, such as `seed` or `models.nose_net`.
            kind: Its type: a subclass of `Settings`, or any annotation that pydantic accepts.
        """
        keys = key.split(".")
        value = self._file.values
        for depth, part in enumerate(keys, 1):
            if not isinstance(value, dict) or part not in value:
                problem = "is missing; copy it from the default file"
                raise self.error(".".join(keys[:depth]), problem)
            value = value[part]
        try:
            return _adapter(kind).validate_python(value)
        except ValidationError as error:
            source = self._file.source_of(keys[0])
            raise SettingsError(format_errors(error.errors(), keys, value, kind, source)) from error

    def names(self, block: str) -> list[str]:
        """Names of the entries of a block such as `models`; none if the block is left out."""
        entries = self._file.values.get(block, {})
        if not isinstance(entries, dict):
            raise self.error(block, f"should be a block of settings; got {format_value(entries)}")
        for name in entries:
            if not isinstance(name, str) or not re.fullmatch("[A-Za-z0-9_-]+", name):
                rule = "a name consists of letters, digits, - and _ (put numbers in quotes)"
                raise self.error(block, f"has an entry named {format_value(name)}; {rule}")
        return list(entries)

    def entry(self, block: str, name: str, kind: Any) -> Any:
        """Validate the entry of a block, such as one of `models`."""
        names = self.names(block)
        if name not in names:
            known = join_names(names) or "none"
            raise SettingsError(f"{block} has no {name!r}; it has {known}")
        return self.read(f"{block}.{name}", kind)

    def error(self, key: str, problem: str) -> SettingsError:
        """An error about a setting: its file, its dotted key, and what is wrong with it."""
        return SettingsError(f"{self._file.source_of(key.split('.')[0])}: {key} {problem}")

    def as_dict(self) -> dict[str, Any]:
        """All settings as plain values, without validation."""
        return dict(self._file.values)


def read_params(path: Path = Path("params.yaml")) -> Params:
    """Read a params.yaml and its base; blocks are validated when they are read."""
    return Params(read_settings_file(path))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    is_block = isinstance(kind, type) and issubclass(kind, BaseModel)
    return TypeAdapter(kind, config=None if is_block else Settings.model_config)
