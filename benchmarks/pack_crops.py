"""Pack crops into one file of JPEGs and labels: `python benchmarks/pack_crops.py STORE FILE`.

STORE is a folder of `prepare`, such as contenders/data/crops/wild224; only its training and
validation faces are packed. `benchmarks/gpu.py --data FILE` trains on them on a machine that has no
data set. The file contains photos, so the terms of its data set apply to it.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from keypoints.core.types import Array
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore

SPLITS = ("train", "validation")


@dataclass(frozen=True)
class PackedCrops:
    """Crops as JPEGs, with their labels.

    Attributes:
        format: Format of the crops.
        splits: Split of each face.
        landmarks_photo: Landmarks, (n_faces, n_points, 2), NaN if unknown.
        photo_to_crop: Maps, (n_faces, 2, 3).
        data: All JPEGs, one after the other.
        ends: Position behind each JPEG, (n_faces,).
    """

    format: CropFormat
    splits: NDArray[np.str_]
    landmarks_photo: Array
    photo_to_crop: Array
    data: NDArray[np.uint8]
    ends: NDArray[np.int64]

    def open(self, number: int) -> Image.Image:
        """Open one crop; its pixels are decoded when they are needed."""
        start = self.ends[number - 1] if number else 0
        return Image.open(BytesIO(self.data[start : self.ends[number]].tobytes()))


def pack(store: CropStore, path: Path, *, quality: int) -> None:
    """Write the training and validation faces of a store as one .npz file."""
    rows = [store.rows(split) for split in SPLITS]
    every = np.concatenate(rows)
    jpegs = list(_encode(store, every, quality))
    with path.open("wb") as file:
        np.savez(
            file,
            format=json.dumps(asdict(store.format)),
            splits=np.repeat(SPLITS, [len(part) for part in rows]),
            landmarks_photo=store.landmarks_photo[every].astype(np.float32),
            photo_to_crop=store.photo_to_crop[every],
            data=np.frombuffer(b"".join(jpegs), np.uint8),
            ends=np.cumsum([len(jpeg) for jpeg in jpegs]),
        )


def _encode(store: CropStore, rows: NDArray[np.integer], quality: int) -> Iterator[bytes]:
    for row in rows:
        buffer = BytesIO()
        Image.fromarray(store.crops[row].squeeze()).save(
            buffer, "JPEG", quality=quality, optimize=True, progressive=True
        )
        yield buffer.getvalue()


def read_packed(path: Path) -> PackedCrops:
    """Read a file of `pack`."""
    with np.load(path) as arrays:
        values = dict(arrays)
    format_ = CropFormat(**json.loads(str(values.pop("format"))))
    return PackedCrops(format_, **values)


def main() -> None:
    """Parse the command line, pack, and print the size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path, metavar="STORE", help="folder of a crop store")
    parser.add_argument("file", type=Path, metavar="FILE", help="file to write, .npz")
    parser.add_argument("--quality", type=int, default=90, help="of the JPEGs (default: 90)")
    arguments = parser.parse_args()
    with CropStore(arguments.store) as store:
        pack(store, arguments.file, quality=arguments.quality)
    packed = read_packed(arguments.file)
    n_bytes = arguments.file.stat().st_size
    print(f"{arguments.file}: {len(packed.ends):,} faces, {n_bytes / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
