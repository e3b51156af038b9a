"""Train a network for some epochs, with this project's loop or that of another library.

`python benchmarks/framework_loops.py LOOP MODEL EPOCHS START` runs in a workspace. START is
`time.monotonic()` at the start of the process. The output is JSON: the seconds from START to the
first loss, and those of each epoch.

Loops:
  ours       this project's, on the crops of the prepare stage
  dataset    the write-up's: a Dataset that opens each photo with Pillow, and a DataLoader
  timm       loader and optimiser of timm
  lightning  Trainer of Lightning, on the loader of `dataset`
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from keypoints.config.base import Fraction
from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.geometry import apply_map, enlarge_box, resize_map, unit_map
from keypoints.core.parallel import n_cores
from keypoints.faces.dataset import find_dataset
from keypoints.faces.face import Face
from keypoints.models.build import build_network
from keypoints.training.losses import Loss, make_loss
from keypoints.training.settings import read_train_settings

Item = tuple[Any, Tensor]


class Run:
    """The settings, network, faces and clock that all loops share.

    Args:
        name: Name of the model.
        start: `time.monotonic()` at the start of the process.
    """

    def __init__(self, name: str, start: float) -> None:
        self._start = start
        self.first_loss: float | None = None
        self._params = read_params(Path("params.yaml"))
        self.settings = read_train_settings(self._params, name)
        self.model, self.task = self.settings.model, self.settings.task
        self.dataset = find_dataset(self.task.dataset)
        self.points = self.task.points_of(self.dataset.scheme)
        self.root = paths.RAW / self.task.dataset
        self.loss = self._timed(make_loss(self.model, self.dataset.scheme, self.points))

    def read(self) -> None:
        """Read the annotations; for `ours`, the prepare stage has read them."""
        key = f"datasets.{self.task.dataset}.val_fraction"
        val_fraction: float = self._params.read(key, Fraction)
        faces = self.dataset.read(self.root)
        split = self.dataset.split(faces, val_fraction)
        train = [face for face in faces if split(face) == "train"]
        self.faces = [train[k % len(train)] for k in range(self.round_up(len(train)))]

    def round_up(self, n_faces: int) -> int:
        """Round up to whole batches, because timm drops an incomplete one."""
        return -(-n_faces // self.model.batch_size) * self.model.batch_size

    def network(self) -> nn.Module:
        """Build the network with its initial weights."""
        return build_network(self.model, self.task, len(self.points), seed=self.settings.seed)

    def _timed(self, loss: Loss) -> Loss:
        """Wrap the loss so that the time of its first value is recorded."""

        def timed_loss(predicted: Tensor, target: Tensor, *, logits: Any = None) -> Tensor:
            value = loss(predicted, target, logits=logits)
            if self.first_loss is None:
                self.first_loss = time.monotonic() - self._start
            return value

        return timed_loss


class PhotoDataset(Dataset[Item]):
    """Faces of photos: opened, cropped, augmented and normalised one by one.

    Args:
        run: Faces, crop format and augmentation.
        transform: Transform of the image alone; None: rotation, translation and colour of the
            model's augmentation preset, with the landmarks transformed accordingly.
    """

    def __init__(self, run: Run, transform: Callable[[Any], Any] | None = None) -> None:
        from torchvision.transforms import ColorJitter

        self._run, self.transform = run, transform
        augment = run.settings.augment
        self._jitter = ColorJitter(brightness=augment.brightness, saturation=augment.saturation)

    def __len__(self) -> int:
        return len(self._run.faces)

    def __getitem__(self, number: int) -> Item:
        image, landmarks = _crop(self._run, self._run.faces[number])
        if self.transform is not None:
            return self.transform(image), _to_unit(landmarks, self._run)
        return self._augment(image, landmarks)

    def _augment(self, image: Any, landmarks: np.ndarray) -> Item:
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms import functional as images

        model, augment = self._run.model, self._run.settings.augment
        angle, *shift = np.random.uniform(-1, 1, 3)  # noqa: NPY002, as usual in such data sets
        angle *= augment.rotation
        x, y = (round(augment.translate * part) for part in shift)
        if augment.rotation or augment.translate:
            mode = InterpolationMode.BILINEAR
            image = images.affine(image, angle, [x, y], 1.0, [0.0], interpolation=mode)
            landmarks = _rotate(landmarks, angle, image.size) + (x, y)
        image = self._jitter(image) if augment.brightness else image
        pixels = images.normalize(images.to_tensor(image), model.mean, model.std)
        return pixels, _to_unit(landmarks, self._run)


def _crop(run: Run, face: Face) -> tuple[Any, np.ndarray]:
    """Crop the enlarged box to the network's input size; also return the landmarks there, px."""
    from PIL import Image

    photo = Image.open(run.root / face.photo).convert("RGB" if run.task.colour else "L")
    box, size = (0, 0, *photo.size), run.task.input_size
    if face.box and run.task.box_scale:
        box = tuple(round(side) for side in enlarge_box(face.box, *2 * (run.task.box_scale,)))
    image = photo.crop(box).resize(size[::-1], Image.Resampling.BILINEAR)
    return image, apply_map(resize_map(box, size), face.landmarks_photo[list(run.points)])


def _rotate(landmarks: np.ndarray, angle: float, size: tuple[int, int]) -> np.ndarray:
    middle = (np.array(size) - 1) / 2
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return (landmarks - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle


def _to_unit(landmarks: np.ndarray, run: Run) -> Tensor:
    return torch.from_numpy(apply_map(unit_map(run.task.input_size), landmarks)).float()


def ours(run: Run, epochs: int) -> list[float]:
    """Train with this project's loop on the crops of its store."""
    from keypoints.core.devices import choose_device
    from keypoints.crops.batches import BatchLoader
    from keypoints.crops.store import CropStore
    from keypoints.training.loop import Phase, train
    from keypoints.training.trainer import TrainConfig

    settings = run.settings
    with CropStore(paths.CROPS / run.model.task) as store:
        loader = partial(
            BatchLoader, store, points=run.points, batch_size=run.model.batch_size, epochs=epochs
        )
        rows = store.rows("train")
        rows = np.resize(rows, run.round_up(len(rows)))
        train_batches = loader(rows, augment=settings.augment, seed=settings.seed)
        validation_batches = loader(store.rows("validation")[:1])
        results = train(
            run.network(),
            [Phase(train_batches, validation_batches, 1, epochs, settings.lr)],
            TrainConfig(run.loss, seed=settings.seed, device=choose_device("cpu")),
        )
        return [result.seconds for result in results]


def dataset(run: Run, epochs: int) -> list[float]:
    """Train with a Dataset, a DataLoader, and a loop as in tutorials."""
    run.read()
    network = run.network().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=run.settings.lr)
    return _common_loop(run, _loader(run), network, optimizer, epochs)


def timm(run: Run, epochs: int) -> list[float]:
    """Train with timm's loader, whose transforms do not move landmarks: only colours change."""
    from timm.data import create_loader
    from timm.optim import create_optimizer_v2

    run.read()
    network = run.network().train()
    as_in_the_other_loops = {
        "scale": (1.0, 1.0),
        "ratio": (1.0, 1.0),
        "hflip": 0.0,
        "color_jitter": run.settings.augment.brightness or None,
        "mean": tuple(run.model.mean),
        "std": tuple(run.model.std),
        "num_workers": n_cores(),
    }
    loader = create_loader(
        PhotoDataset(run),
        input_size=(run.task.channels, *run.task.input_size),
        batch_size=run.model.batch_size,
        is_training=True,
        use_prefetcher=False,
        device=torch.device("cpu"),
        **as_in_the_other_loops,
    )
    optimizer = create_optimizer_v2(network, opt="adam", lr=run.settings.lr)
    return _common_loop(run, loader, network, optimizer, epochs)


def lightning(run: Run, epochs: int) -> list[float]:
    """Train with Lightning's Trainer and a DataLoader."""
    import lightning as pl

    run.read()
    seconds: list[float] = []

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = run.network()

        def on_train_epoch_start(self) -> None:
            seconds.append(-time.monotonic())

        def training_step(self, batch: Item, number: int) -> Tensor:
            images, target = batch
            return run.loss(self.network(images), target)

        def on_train_epoch_end(self) -> None:
            seconds[-1] += time.monotonic()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=run.settings.lr)

    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), _loader(run))
    return seconds


def _loader(run: Run) -> DataLoader[Item]:
    return DataLoader(PhotoDataset(run), run.model.batch_size, shuffle=True, num_workers=n_cores())


def _common_loop(
    run: Run,
    loader: Iterable[Any],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    epochs: int,
) -> list[float]:
    seconds = []
    for _ in range(epochs):
        start = time.monotonic()
        for images, target in loader:
            optimizer.zero_grad()
            run.loss(network(images), target).backward()
            optimizer.step()
        seconds.append(time.monotonic() - start)
    return seconds


LOOPS = {loop.__name__: loop for loop in (ours, dataset, timm, lightning)}

if __name__ == "__main__":
    loop, model, epochs, start = sys.argv[1:]
    run = Run(model, float(start))
    seconds = LOOPS[loop](run, int(epochs))
    print(json.dumps({"first_loss": run.first_loss, "epochs": seconds}))
