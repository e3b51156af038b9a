"""The folder in which benchmarks/gpu.py trains: settings, crop stores and records of weights."""

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pack_crops import SPLITS, PackedCrops, read_packed
from PIL import Image
from ruamel.yaml import YAML

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.geometry import compose
from keypoints.core.landmarks import IBUG_68, IMM_58
from keypoints.core.parallel import parallel_map
from keypoints.core.types import Array
from keypoints.core.weights_folder import record_weights
from keypoints.crops.format import CropFormat, Task
from keypoints.crops.row_file import RowFile
from keypoints.crops.store import FACE_COLUMNS

ROOT = Path(__file__).resolve().parents[1]
SCHEMES = {"imm": IMM_58, "ibug": IBUG_68}  # by data set
N_FACES = {"imm": (192, 48), "wild": (6666, 238), "ibug": (2243, 238)}  # by task or data set
QUICK_FACES = (16, 4)
QUICK_SIZE = {"height": 64, "width": 64, "margin": 8}  # of crops around boxes
CONTENDERS = ("mobile_wild", "sharp_224", "sharp_256")
LARGE = "large_256"

FaceReader = Callable[[int], tuple[NDArray[np.uint8], Array, Array]]
"""A function of a row that returns a crop, its landmarks_photo and its map from the photo."""


@dataclass(frozen=True)
class Options:
    """Options of a run.

    Attributes:
        folder: Folder in which networks are trained.
        out: Folder of the results.
        device: Device, as in params.yaml.
        quick: Use tiny sizes, to test the benchmark.
        data: File of pack_crops.py; None: faces are generated.
        backbone: Name of the timm backbone of the large network.
        weights: File of its initial weights; None: random weights.
    """

    folder: Path
    out: Path
    device: str
    quick: bool
    data: Path | None
    backbone: str
    weights: Path | None


def create_workspace(options: Options, seconds: float) -> dict[str, str]:
    """Write settings, crop stores and records of weights; return the origin of the crops."""
    settings = _settings(options)
    with (options.folder / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(settings, file)
    for name in settings["models"]:
        folder = options.folder / paths.WEIGHTS / name
        folder.mkdir(parents=True)
        weights = options.weights if name == LARGE else None
        if weights:
            shutil.copy(weights, folder)
        record_weights(folder, file=weights and weights.name, sha256=None)
    packed = read_packed(options.data) if options.data else None
    params = read_params(options.folder / "params.yaml")
    origins = {}
    for name in settings["tasks"]:
        task: Task = params.entry("tasks", name, Task)
        counts = N_FACES.get(name, N_FACES[task.dataset])
        format_, folder = CropFormat.of(task, SCHEMES[task.dataset]), paths.CROPS / name
        origins[name] = write_crops_of_task(
            options.folder / folder, format_, packed, QUICK_FACES if options.quick else counts
        )
    return origins


def _settings(options: Options) -> dict[str, Any]:
    """The committed settings, with the contenders among the other models."""
    own, contenders = (
        YAML(typ="safe").load(ROOT / folder / "params.yaml") for folder in (".", "contenders")
    )
    tasks = {name: own["tasks"][name] for name in ("nose", "face", "wild")}
    tasks |= {name: contenders["tasks"][name] for name in ("wild128", "wild224", "wild256")}
    models = {name: own["models"][name] for name in ("nose_net", "face_net", "resnet18")}
    for name in CONTENDERS:
        model = contenders["models"][name]
        models[name] = model | {"augment": f"contender_{model['augment']}", "sizes": []}
    models["face_net"]["epochs"] = 40  # of part resume
    large = {"task": "wild256", "backbone": options.backbone, "pad_type": None, "batch_size": 64}
    weights = options.weights.name if options.weights else False
    init = {"pretrained": weights, "init": f"data/weights/{LARGE}"}
    models[LARGE] = models["sharp_256"] | large | init
    if options.quick:
        tasks |= {n: task | QUICK_SIZE for n, task in tasks.items() if task["dataset"] == "ibug"}
        tiny = {"batch_size": 4, "epochs": 3}
        models = {name: model | tiny for name, model in models.items()}
    presets = {f"contender_{name}": preset for name, preset in contenders["augment"].items()}
    own["augment"] |= presets
    own["optim"] |= contenders["optim"]
    return own | {"device": options.device, "tasks": tasks, "models": models}


def write_crops_of_task(
    folder: Path, format_: CropFormat, packed: PackedCrops | None, counts: tuple[int, int]
) -> str:
    """Write a crop store: of packed faces if their scheme fits, repeated, else of generated ones.

    Args:
        folder: Folder of the store.
        format_: Format of its crops, which show no more of a face than the packed ones.
        packed: The packed faces.
        counts: Numbers of training and validation faces.

    Returns:
        The origin of the crops, as text.
    """
    read: FaceReader
    if packed is not None and packed.format.scheme == format_.scheme:
        numbers = [np.flatnonzero(packed.splits == split) for split in SPLITS]
        chosen = np.concatenate(
            [np.resize(each, count) for each, count in zip(numbers, counts, strict=True)]
        )
        read, n_different = _PackedReader(packed, chosen, format_), len(np.unique(chosen))
        origin = f"{n_different:,} packed faces as {sum(counts):,}"
    else:
        read, origin = _GeneratedReader(format_), f"{sum(counts):,} generated"
    _write_store(folder, format_, np.repeat(SPLITS, counts), read)
    return f"{origin}, crops of {format_.crop_size[1]} x {format_.crop_size[0]} px"


def _write_store(
    folder: Path, format_: CropFormat, splits: NDArray[np.str_], read: FaceReader
) -> None:
    """Write a crop store, on all cores."""
    folder.mkdir(parents=True, exist_ok=True)
    n_points = next(s.n_points for s in SCHEMES.values() if s.name == format_.scheme)
    shapes = {
        "crops": ((*format_.crop_size, format_.channels), np.uint8),
        "landmarks": ((n_points, 2), float),
        "maps": ((2, 3), float),
    }
    with ExitStack() as stack:
        files = [
            stack.enter_context(
                RowFile.create(folder / f"{name}.npy", (len(splits), *shape), dtype)
            )
            for name, (shape, dtype) in shapes.items()
        ]

        def write(row: int) -> None:
            for file, value in zip(files, read(row), strict=True):
                file[row] = value

        for _ in parallel_map(write, range(len(splits))):
            pass
    with (folder / "faces.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, FACE_COLUMNS)
        table.writeheader()
        table.writerows({"face": row, "split": split} for row, split in enumerate(splits))
    (folder / "store.json").write_text(json.dumps(asdict(format_)))


@dataclass(frozen=True)
class _PackedReader:
    """Reads packed crops as crops of another format, which must show no more of the photo."""

    packed: PackedCrops
    numbers: NDArray[np.integer]  # of the packed face of each row
    format: CropFormat

    def __call__(self, row: int) -> tuple[NDArray[np.uint8], Array, Array]:
        number, (height, width) = self.numbers[row], self.format.crop_size
        scale_x, scale_y = self._packed_pixels(width, height)
        packed_height, packed_width = self.packed.format.crop_size
        x0, y0 = (packed_width - scale_x * width) / 2, (packed_height - scale_y * height) / 2
        image = self.packed.open(number).convert("RGB" if self.format.colour else "L")
        box = (x0, y0, x0 + scale_x * width, y0 + scale_y * height)
        crop = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box))
        resize = np.array(
            [
                [1 / scale_x, 0, (0.5 - x0) / scale_x - 0.5],
                [0, 1 / scale_y, (0.5 - y0) / scale_y - 0.5],
            ]
        )
        photo_to_crop = compose(resize, self.packed.photo_to_crop[number])
        landmarks_photo = self.packed.landmarks_photo[number]
        return crop.reshape(height, width, -1), landmarks_photo, photo_to_crop

    def _packed_pixels(self, width: int, height: int) -> tuple[float, float]:
        """Packed pixels per pixel of the crop, in x and y."""
        own, packed = (
            each.box_scale / min(each.input_size) for each in (self.format, self.packed.format)
        )
        scale = own / packed
        crop_height, crop_width = self.packed.format.crop_size
        largest = crop_width / width, crop_height / height
        if scale > 1.02 * min(largest):
            raise ValueError(
                f"the packed crops show {min(largest) / scale:.0%} of the width that crops of "
                f"{width} x {height} px need; pack those of the task wild224 of contenders/"
            )
        return min(scale, largest[0]), min(scale, largest[1])  # squeezed if larger by rounding


@dataclass(frozen=True)
class _GeneratedReader:
    """Generates crops of noise with a bright dot at each landmark."""

    format: CropFormat

    def __call__(self, row: int) -> tuple[NDArray[np.uint8], Array, Array]:
        height, width = self.format.crop_size
        scheme = next(s for s in SCHEMES.values() if s.name == self.format.scheme)
        shape = np.random.default_rng(0).uniform(0.3, 0.7, (scheme.n_points, 2))
        rng = np.random.default_rng(row + 1)
        points = (shape + rng.uniform(-0.1, 0.1, 2)) * (width, height)
        crop = rng.integers(0, 128, (height, width, self.format.channels), np.uint8)
        for x, y in points.round().astype(int):
            crop[y - 1 : y + 2, x - 1 : x + 2] = 255
        return crop, points, np.eye(2, 3)
