"""The folder data/weights/MODEL: a record, the pre-trained weights if any, the teacher if any.

The weights stage writes it and the train stage reads it.
"""

import json
from pathlib import Path

_TORCH_MAGIC = (b"PK\x03\x04", b"\x80\x02")  # zip, and the older pickle
_RECORD = "weights.json"


def write_record(folder: Path, *, file: str | None, sha256: str | None) -> None:
    """Record which file of the folder contains the weights; None: they are random."""
    record = {"file": file, "sha256": sha256}
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")


def is_weights(path: Path) -> bool:
    """Whether a file starts like .safetensors or .pth; a dead host may have sent an HTML page."""
    with path.open("rb") as file:
        start = file.read(9)
    n_header = int.from_bytes(start[:8], "little")
    is_safetensors = start[8:] == b"{" and n_header < path.stat().st_size
    return is_safetensors or start.startswith(_TORCH_MAGIC)


def find_weights(folder: Path) -> Path | None:
    """File of the pre-trained weights in a model's folder; None if they are random."""
    file = json.loads((folder / _RECORD).read_text())["file"]
    return folder / file if file else None


def teacher_folder(folder: Path) -> Path:
    """Folder of the teacher in a model's folder."""
    return folder / "teacher"


def find_teacher(folder: Path) -> Path | None:
    """Model file of the teacher in a model's folder; None if the model has no teacher."""
    return next(iter(teacher_folder(folder).glob("*")), None)
