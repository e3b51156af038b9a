"""Records: small JSON files that the stages write."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keypoints.core.errors import PipelineError, first_line


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Write a record."""
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def read_record(path: Path) -> dict[str, Any]:
    """Read a record.

    Raises:
        FileNotFoundError: If there is none.
        PipelineError: If it is damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:  # such as the markers of a merge conflict
        raise damaged_output(path, error) from error


def damaged_output(path: Path, error: Exception) -> PipelineError:
    """The error about an output of a stage, such as one that was copied in part."""
    return PipelineError(f"{path}: damaged ({first_line(error)}); run `dvc repro` to restore it")
