"""The weights that a model needs: a folder with a record and, unless random, their file.

A model that is taught has its teacher's file in a folder there.
"""

import json
from pathlib import Path

_TORCH_MAGIC = (b"PK\x03\x04", b"\x80\x02")  # of a zip, and of the older pickle
_RECORD = "weights.json"
_TEACHER = "teacher"


def write_record(folder: Path, *, file: str | None, sha256: str | None) -> None:
    """Write down which file of the folder holds the weights; None: they are random."""
    record = {"file": file, "sha256": sha256}
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")


def is_weights(path: Path) -> bool:
    """Whether a file begins as weights do: a dead host may answer with a page."""
    with path.open("rb") as file:
        start = file.read(9)
    n_header = int.from_bytes(start[:8], "little")
    is_safetensors = start[8:] == b"{" and n_header < path.stat().st_size
    return is_safetensors or start.startswith(_TORCH_MAGIC)


def weights_of(folder: Path) -> Path | None:
    """The weights file in a model's folder; None where the model starts from random weights."""
    file = json.loads((folder / _RECORD).read_text())["file"]
    return folder / file if file else None


def teacher_folder(folder: Path) -> Path:
    """Where, in a model's folder, the file of its teacher lies."""
    return folder / _TEACHER


def teacher_of(folder: Path) -> Path | None:
    """The teacher's file in a model's folder; None where there is none."""
    return next(iter(teacher_folder(folder).glob("*")), None)
