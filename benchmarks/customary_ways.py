"""Train a network for some epochs, this project's way or a customary one: a process of its own.

`python benchmarks/customary_ways.py WAY MODEL EPOCHS START` runs in a workspace; START is
`time.monotonic()` when the process was started. It prints the seconds from then to the first loss,
and those of each epoch, as JSON. Ways: ours (crops that `prepare` cut), dataset (the original
write-up's: a Dataset that opens each photo with Pillow, and a DataLoader), timm (its loader and
optimiser), lightning (its Trainer, with the same Dataset).
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

sys.path.append(str(Path(__file__).resolve().parents[1] / "src"))

from keypoints.config.models import ModelSettings
from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.geometry import apply_map, enlarge_box, resize_map, unit_map
from keypoints.core.parallel import n_cores
from keypoints.crops.store import CropFormat
from keypoints.faces.dataset import crop_format, load_dataset
from keypoints.faces.face import Face
from keypoints.models.build import build_network
from keypoints.models.checkpoint import points_of
from keypoints.training.losses import Loss, make_loss

Item = tuple[Any, Tensor]


class Run:
    """What all ways share: the settings, the network, the faces, and the clock.

    Args:
        name: Of the model.
        start: When the process was started, as `time.monotonic()` gives it.
    """

    def __init__(self, name: str, start: float) -> None:
        self._start = start
        self.first_loss: float | None = None
        self.params: Params = read_params(Path("params.yaml"))
        self.model: ModelSettings = self.params.model(name)
        self.task = self.params.task(self.model.task)
        self.root = paths.RAW / self.task.dataset

    def read(self) -> None:
        """Read the annotations, which `ours` did when it prepared the crops."""
        found = load_dataset(self.task.dataset, self.root, self.params.validation)
        faces = [face for face in found.faces if found.split(face) == "train"]
        self.faces = [faces[number % len(faces)] for number in range(self.whole(len(faces)))]
        self.format = crop_format(self.task, found.scheme)
        self.points = points_of(self.task, found.scheme)
        self.loss = self.timed(make_loss(self.model, found.scheme, self.points))

    def whole(self, n_faces: int) -> int:
        """So many faces, some of them twice, that every batch is whole: timm drops others."""
        return -(-n_faces // self.model.batch_size) * self.model.batch_size

    def network(self) -> nn.Module:
        """The model's network, with its first weights."""
        return build_network(self.model, self.task, len(self.points), seed=self.params.seed)

    def timed(self, loss: Loss) -> Loss:
        """A loss whose first value is timed."""

        def with_time(predicted: Tensor, target: Tensor, **more: Any) -> Tensor:
            value = loss(predicted, target, **more)
            if self.first_loss is None:
                self.first_loss = time.monotonic() - self._start
            return value

        return with_time


class PhotoDataset(Dataset[Item]):
    """Faces as their photos hold them: opened, cut, drawn and normalised one by one.

    Args:
        run: Says which faces, and how they are drawn.
        transform: Of the image alone; None: rotation, shift and colour as the model's settings say,
            the points with them.
    """

    def __init__(self, run: Run, transform: Callable[[Any], Any] | None = None) -> None:
        from torchvision.transforms import ColorJitter

        self._run, self.transform = run, transform
        augment = run.model.augment
        self._jitter = ColorJitter(brightness=augment.brightness, saturation=augment.saturation)

    def __len__(self) -> int:
        return len(self._run.faces)

    def __getitem__(self, number: int) -> Item:
        image, landmarks = _cut(self._run, self._run.faces[number])
        if self.transform is not None:
            return self.transform(image), _unit(landmarks, self._run.format)
        return self._draw(image, landmarks)

    def _draw(self, image: Any, landmarks: np.ndarray) -> Item:
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms import functional as images

        model = self._run.model
        angle, *shift = np.random.uniform(-1, 1, 3)  # noqa: NPY002, the way it is usually written
        angle *= model.augment.rotation
        across, down = (round(model.augment.translate * part) for part in shift)
        if model.augment.rotation or model.augment.translate:
            how = InterpolationMode.BILINEAR
            image = images.affine(image, angle, [across, down], 1.0, [0.0], interpolation=how)
            landmarks = _turn(landmarks, angle, image.size) + (across, down)
        image = self._jitter(image) if model.augment.brightness else image
        pixels = images.normalize(images.to_tensor(image), model.mean, model.std)
        return pixels, _unit(landmarks, self._run.format)


def _cut(run: Run, face: Face) -> tuple[Any, np.ndarray]:
    """The face's box, enlarged, as an image of the network's size; and its points there, px."""
    from PIL import Image

    photo = Image.open(run.root / face.photo).convert("RGB" if run.task.colour else "L")
    box, size = (0, 0, *photo.size), run.task.input_size
    if face.box and run.task.box_scale:
        box = tuple(round(side) for side in enlarge_box(face.box, *2 * (run.task.box_scale,)))
    image = photo.crop(box).resize(size[::-1], Image.Resampling.BILINEAR)
    return image, apply_map(resize_map(box, size), face.landmarks_photo[list(run.points)])


def _turn(landmarks: np.ndarray, angle: float, size: tuple[int, int]) -> np.ndarray:
    middle = (np.array(size) - 1) / 2
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return (landmarks - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle


def _unit(landmarks: np.ndarray, format_: CropFormat) -> Tensor:
    points = apply_map(unit_map((format_.height, format_.width)), landmarks)
    return torch.from_numpy(points).float()


def ours(run: Run, epochs: int) -> list[float]:
    """The project's own loop on the crops of its store."""
    from keypoints.core.landmarks import SCHEMES
    from keypoints.crops.batches import BatchLoader
    from keypoints.crops.store import CropStore
    from keypoints.core.devices import choose_device
    from keypoints.training.loop import train

    with CropStore(paths.CROPS / run.model.task) as store:
        scheme, seed = SCHEMES[store.format.scheme], run.params.seed
        run.points = points_of(run.task, scheme)
        batches = partial(BatchLoader, store, points=run.points, batch_size=run.model.batch_size)
        rows = store.rows("train")
        results = train(
            run.network(),
            batches(np.resize(rows, run.whole(len(rows))), augment=run.model.augment, seed=seed),
            batches(store.rows("validation")[:1]),
            loss=run.timed(make_loss(run.model, scheme, run.points)),
            lr=run.params.lr,
            epochs=epochs,
            seed=seed,
            device=choose_device("cpu"),
        )
        return [result.seconds for result in results]


def dataset(run: Run, epochs: int) -> list[float]:
    """A Dataset and a DataLoader, and a loop as tutorials have it."""
    run.read()
    network = run.network().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=run.params.lr)
    return _usual_loop(run, _loader(run), network, optimizer, epochs)


def timm(run: Run, epochs: int) -> list[float]:
    """The loader and transforms of timm, which know no points: colour is all that is drawn."""
    from timm.data import create_loader
    from timm.optim import create_optimizer_v2

    run.read()
    network = run.network().train()
    loader = create_loader(
        PhotoDataset(run),
        input_size=(run.task.channels, *run.task.input_size),
        batch_size=run.model.batch_size,
        is_training=True,
        scale=(1.0, 1.0),
        ratio=(1.0, 1.0),
        hflip=0.0,
        color_jitter=run.model.augment.brightness or None,
        mean=tuple(run.model.mean),
        std=tuple(run.model.std),
        num_workers=n_cores(),
        use_prefetcher=False,
        device=torch.device("cpu"),
    )
    optimizer = create_optimizer_v2(network, opt="adam", lr=run.params.lr)
    return _usual_loop(run, loader, network, optimizer, epochs)


def lightning(run: Run, epochs: int) -> list[float]:
    """Lightning's Trainer on the usual DataLoader."""
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
            return torch.optim.Adam(self.parameters(), lr=run.params.lr)

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


def _usual_loop(
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


WAYS = {way.__name__: way for way in (ours, dataset, timm, lightning)}

if __name__ == "__main__":
    way, model, epochs, start = sys.argv[1:]
    run = Run(model, float(start))
    seconds = WAYS[way](run, int(epochs))
    print(json.dumps({"first_loss": run.first_loss, "epochs": seconds}))
