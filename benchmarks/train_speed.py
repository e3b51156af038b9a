"""The training loop of each network, compared with steps on one resident random batch."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size
from training_loops import compare_loops
from workspace import make_workspace, run_in, stage_command

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.devices import DeviceSetting, choose_device
from keypoints.crops.store import CropStore
from keypoints.training.settings import read_train_settings

TARGETS = {"nose_net": 0.9, "face_net": 0.95, "regression": 0.95, "heatmap": 0.95}


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Train every network of params.yaml for a few short epochs."""
    make_workspace(folder, rendered, size.copies)
    params = read_params(folder / "params.yaml")
    device = choose_device(params.read("device", DeviceSetting))
    settings = [read_train_settings(params, name) for name in params.names("models")]
    for task in dict.fromkeys(each.model.task for each in settings):
        run_in(folder, stage_command("prepare", task))  # a process: it sets OpenCV's threads
    for each in settings:
        with CropStore(folder / paths.CROPS / each.model.task) as store:
            loops = compare_loops(each, store, device, seconds=size.seconds)
        n_images, times = loops.steps * loops.batch_size, loops.times
        real, resident = n_images / median(times.first), n_images / median(times.second)
        yield Measurement(
            f"train {each.name}, training loop / resident batch",
            times.speed_ratio,
            f">= {TARGETS[each.model.architecture]}",
            f"{real:.1f} / {resident:.1f} images/s",
        )
