"""Section on reproducing the run: commands, times, settings, versions."""

import json
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from shlex import quote
from typing import Any

from keypoints.config.params import Params
from keypoints.core.git import git
from keypoints.report.runs import TaskRun
from keypoints.report.template import Section, render

INPUTS = ("src", "params.yaml", "dvc.yaml", "requirements.lock")
LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pandas",
    "opencv-python-headless",
    "matplotlib",
    "dvc",
)
_LOCATIONS = ("mirror", "urls")  # settings that may name addresses or folders of this machine


def reproduce_section(params: Params, tasks: list[TaskRun], revision: str) -> Section:
    """Describe how to create the same page again."""
    body = render(
        "reproduce.html",
        source=params.read("source", str),
        pretrained=_pretrained(tasks),
        revision=revision,
        blocks=_settings_blocks(params.as_dict()),
        python=platform.python_version(),
        versions=_versions(),
    )
    return Section("reproduce", "Reproducing this page", body)


def _versions() -> dict[str, str]:
    """Versions of the libraries; an image may have another package of one of them."""
    versions = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def find_revision() -> str:
    """Last commit that changed code or settings, and whether they differ from it now.

    The revision depends on the inputs of the run only: other commits do not change the page.
    """
    commit = git("log", "-1", "--format=%H", "--", *INPUTS)
    if not commit:
        return "not in git"
    is_changed = git("status", "--porcelain", "--", *INPUTS)
    return f"{commit[:10]}{' with uncommitted changes' if is_changed else ''}"


def find_revision_date() -> str:
    """Date (ISO 8601) of the last commit that changed code or settings; empty without git."""
    return git("log", "-1", "--format=%cs", "--", *INPUTS)


def _pretrained(tasks: list[TaskRun]) -> str:
    """PRETRAINED of `make public`: true, false, or the file that resnet18 started from."""
    models = (model.info for task in tasks for model in task.models)
    values = (getattr(info.model, "pretrained", True) for info in models if info.name == "resnet18")
    value = next(values, True)
    return str(value).lower() if isinstance(value, bool) else quote(str(value))


def _settings_blocks(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each block of settings; a block of blocks, such as `models`, is divided."""
    top = {key: value for key, value in values.items() if not isinstance(value, dict)}
    blocks: dict[str, dict[str, Any]] = {"top level": top}
    for key, value in values.items():
        if isinstance(value, dict):
            is_divided = all(isinstance(entry, dict) for entry in value.values())
            entries = {f"{key}.{name}": entry for name, entry in value.items()}
            blocks |= entries if is_divided else {key: value}
    return [(name, "\n".join(_lines(block))) for name, block in blocks.items()]


def _lines(block: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, value in block.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        elif key not in _LOCATIONS:
            text = json.dumps(value) if value is None or isinstance(value, bool) else value
            lines.append(f"{indent}{key}: {text}")
    return lines
