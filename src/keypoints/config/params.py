"""params.yaml, validated block by block: a stage reads the settings that it uses and no others.

The class that validates a block stands next to the code that it configures:
`params.read("tasks.nose", Task)`.
"""

import difflib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from keypoints.config.base import Settings
from keypoints.config.messages import SettingsError, format_errors, format_value, join_names
from keypoints.config.yaml_file import SettingsFile, read_settings_file

PARAMS_FILE = Path("params.yaml")
TOP_LEVEL = (
    "base",
    "seed",
    "lr",
    "source",
    "mirror",
    "device",
    "compile",
    "processes",
    "competition",
    "datasets",
    "tasks",
    "augment",
    "optim",
    "models",
    "tta",
    "corrections",
    "ensembles",
)
_ENTRY_NAME = re.compile("[A-Za-z0-9_-]+")


class Params:
    """The settings of a params.yaml, and of its `base` for the keys that it leaves out.

    Args:
        file: The file as plain values.

    Raises:
        SettingsError: If the file is not a block, or has an unknown top-level key.
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
                raise SettingsError(f"{file.source_of((key,))}: {name} is not a setting; {hint}")

    def read(self, key: str, kind: Any) -> Any:
        """Validate one setting or block.

        Args:
            key: Dotted key, such as `seed` or `models.nose_net`.
            kind: Its type: a subclass of `Settings`, or any annotation that pydantic accepts.

        Raises:
            SettingsError: If the key is missing, or a value breaks a rule; names each such value.
        """
        keys = tuple(key.split("."))
        value = self._find(keys)
        try:
            return _adapter(kind).validate_python(value)
        except ValidationError as error:
            source = self._file.source_of(keys)
            raise SettingsError(format_errors(error.errors(), keys, value, kind, source)) from error

    def names(self, block: str) -> list[str]:
        """Names of the entries of a block such as `models`; none if the block is left out.

        Raises:
            SettingsError: If it is not a block, or a name has unusual characters.
        """
        entries = self._file.values.get(block, {})
        source = self._file.source_of((block,))
        if not isinstance(entries, dict):
            got = format_value(entries)
            raise SettingsError(f"{source}: {block} should be a block of settings; got {got}")
        for name in entries:
            if not isinstance(name, str) or not _ENTRY_NAME.fullmatch(name):
                raise SettingsError(
                    f"{source}: {block} has an entry named {format_value(name)}; a name consists "
                    "of letters, digits, - and _ (put numbers in quotes)"
                )
        return list(entries)

    def entry(self, block: str, name: str, kind: Any) -> Any:
        """Validate the entry of a block, such as one of `models`.

        Raises:
            SettingsError: If the block has no such entry, or the entry breaks a rule.
        """
        self.check_name(block, name)
        return self.read(f"{block}.{name}", kind)

    def check_name(self, block: str, name: str) -> None:
        """Check that a block has an entry.

        Raises:
            SettingsError: If it has none of that name; lists those that exist.
        """
        names = self.names(block)
        if name not in names:
            known = join_names(names) or "none"
            raise SettingsError(f"{block} has no {name!r}; it has {known}")

    def error(self, key: str, problem: str) -> SettingsError:
        """An error about a setting whose rule depends on other settings or files.

        Args:
            key: Dotted key of the setting.
            problem: What is wrong with it, to follow the key.
        """
        return SettingsError(f"{self._file.source_of(tuple(key.split('.')))}: {key} {problem}")

    def as_dict(self) -> dict[str, Any]:
        """All settings as plain values, without validation."""
        return dict(self._file.values)

    def _find(self, keys: Sequence[str]) -> Any:
        value = self._file.values
        for depth, key in enumerate(keys):
            if not isinstance(value, dict) or key not in value:
                name = ".".join(keys[: depth + 1])
                source = self._file.source_of(tuple(keys))
                raise SettingsError(f"{source}: {name} is missing; copy it from the default file")
            value = value[key]
        return value


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read a params.yaml and its base; blocks are validated when they are read.

    Raises:
        SettingsError: If a file is missing, is not YAML, or has an unknown top-level key.
    """
    return Params(read_settings_file(path))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    is_block = isinstance(kind, type) and issubclass(kind, BaseModel)
    return TypeAdapter(kind, config=None if is_block else Settings.model_config)
