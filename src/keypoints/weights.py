"""The weights that a model starts from: a folder with a record and, unless random, their file."""

import json
from pathlib import Path

_RECORD = "weights.json"


def write_record(folder: Path, *, file: str | None, sha256: str | None) -> None:
    """Write down which file of the folder holds the weights; None: they are random."""
    record = {"file": file, "sha256": sha256}
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")


def weights_of(folder: Path) -> Path | None:
    """The weights file in a model's folder; None where the model starts from random weights."""
    file = json.loads((folder / _RECORD).read_text())["file"]
    return folder / file if file else None
