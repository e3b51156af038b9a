"""The folder data/weights/MODEL: a record, the pre-trained weights if any, the teacher if any.

The weights stage writes it and the train stage reads it.
"""

import json
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from keypoints.core.records import read_record, write_record
from keypoints.core.system_files import is_system_file

_ZIP_MAGIC, _PICKLE_MAGIC = b"PK\x03\x04", b"\x80\x02"  # of .pth files; the latter is older
_RECORD = "weights.json"


def record_weights(folder: Path, *, file: str | None, sha256: str | None) -> None:
    """Record which file of the folder contains the weights; None: they are random."""
    write_record(folder / _RECORD, {"file": file, "sha256": sha256})


def weights_problem(path: Path) -> str:
    """Why a file is no whole file of weights, whatever its name; empty if it seems to be one.

    A dead host may have sent an HTML page, and a copy may have been interrupted.
    """
    with path.open("rb") as file:
        start = file.read(16)
    if is_safetensors(path):
        return _truncation(path)
    if not start.startswith((_ZIP_MAGIC, _PICKLE_MAGIC)):
        return f"neither a .safetensors nor a .pth file; it begins with {start!r}"
    if start.startswith(_ZIP_MAGIC) and not is_zipfile(path):
        return "a truncated .pth file"
    return ""


def is_safetensors(path: Path) -> bool:
    """Whether a file has the format of .safetensors, whatever its name."""
    with path.open("rb") as file:
        n_header, brace = int.from_bytes(file.read(8), "little"), file.read(1)
    return brace == b"{" and n_header < path.stat().st_size


def model_kind(path: Path) -> str | None:
    """Kind of the network in a model file of this project; None for other files of weights."""
    if not is_safetensors(path):
        return None
    try:
        settings = json.loads(_read_header(path)[1]["__metadata__"]["settings"])
        return network_kind(settings["model"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def network_kind(model: dict[str, Any]) -> str:
    """Name a model's architecture and backbone, without the tag of the backbone's weights."""
    backbone = model.get("backbone")
    on_backbone = f" on {backbone.split('.')[0]}" if backbone else ""
    return f"{model['architecture']}{on_backbone}"


def _read_header(path: Path) -> tuple[int, Any]:
    """Length and content of the header of a .safetensors file."""
    with path.open("rb") as file:
        n_header = int.from_bytes(file.read(8), "little")
        return n_header, json.loads(file.read(n_header))


def _truncation(path: Path) -> str:
    """How much of a .safetensors file is missing; empty if it is whole."""
    try:
        n_header, tensors = _read_header(path)
        ends = [tensors[key]["data_offsets"][1] for key in tensors if key != "__metadata__"]
        expected = 8 + n_header + max(ends, default=0)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return f"a .safetensors file with a damaged header ({error})"
    found = path.stat().st_size
    return "" if found == expected else f"{found:,} bytes where its header declares {expected:,}"


def find_weights(folder: Path) -> Path | None:
    """File of the pre-trained weights in a model's folder; None if they are random."""
    file = read_record(folder / _RECORD).get("file")
    return folder / file if file else None


def teacher_folder(folder: Path) -> Path:
    """Folder of the teacher in a model's folder."""
    return folder / "teacher"


def find_teacher(folder: Path) -> Path | None:
    """Model file of the teacher in a model's folder; None if the model has no teacher."""
    files = teacher_folder(folder).glob("*")
    return next((path for path in files if not is_system_file(Path(path.name))), None)
