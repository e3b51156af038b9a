"""Facial keypoint detection: data, networks, training, scores and submissions."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# Stages depend on the packages, in which bytecode would be files that differ from run to run. DVC's
# project in contenders/ cannot leave them out, because they lie outside its folder.
if Path(__file__).resolve().parents[1].name == "src":
    sys.dont_write_bytecode = True

# isort: split
from keypoints.core.startup import prepare_script

prepare_script()

_PUBLIC = {
    "AnnotatedFaces": "annotation.annotator",
    "Annotator": "annotation.annotator",
    "PhotoError": "annotation.images",
}
__all__ = list(_PUBLIC)  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import what annotates photos when it is used: stages of the pipeline do not need it."""
    if name in _PUBLIC:
        return getattr(import_module(f"keypoints.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
