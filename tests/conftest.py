"""Fixtures: the committed settings, a few rendered faces, and photos with dots as landmarks.

A photo of dots has a bright spot exactly at each landmark, so that a test can find the spot in any
crop or warped image of the photo.
"""

import os

from keypoints.core.startup import OPENCV_LIMIT

os.environ |= OPENCV_LIMIT  # before OpenCV is imported
# Networks this small are slower on several threads, and pytest's workers occupy the cores. torch
# reads the variable when it is loaded.
os.environ["OMP_NUM_THREADS"] = "1"

# isort: split
import gc
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest
from filelock import FileLock
from kaggle_service import KaggleService
from numpy.typing import NDArray
from warm import start_warm_commands
from workspace import Workspace

from keypoints.config.params import Params, read_params
from keypoints.core.parallel import n_cores
from keypoints.crops.cropping import write_crops
from keypoints.crops.format import CropFormat
from keypoints.crops.store import CropStore
from keypoints.faces.face import Face
from keypoints.rendered.writers import write_ibug, write_imm

Array = NDArray[np.floating]

REPOSITORY = Path(__file__).parent.parent
# The user's git settings, and a git hook that runs the tests, do not affect their repositories.
for _name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
    os.environ.pop(_name, None)
os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

# The same examples in every run, however busy the machine is.
hypothesis.settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("steady")

BACKGROUND, BRIGHTEST = 20, 240
COMMANDS = "WARM_COMMANDS"  # variable with a folder


RUNS_THE_PIPELINE = "test_pipeline.py"
MEANWHILE = (  # long tests that do not need the outputs of the pipeline
    "test_distributed.py",
    "test_gpu_benchmark.py",
    "test_notebook.py",
    "test_fuzz_files.py",
    "test_benchmarks.py",
)
AFTERWARDS = (  # the longest ones of those that do
    "test_contenders.py",
    "test_shared_cache.py",
    "test_experiments.py",
    "test_interrupted.py",
    "test_repetition.py",
    "test_queue.py",
    "test_extensions.py",
    "test_page.py",
    "test_folds.py",
)
FIRST = (RUNS_THE_PIPELINE, *MEANWHILE, *AFTERWARDS)


def pytest_xdist_auto_num_workers() -> int:
    """Twice the number of cores: half of the time is spent waiting for other processes."""
    return n_cores() * 2


def pytest_configure(config: pytest.Config) -> None:
    """Fork the workers, instead of starting them, from the process that commands come from."""
    if config.option.tx and not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="commands-"))
        config.add_cleanup(partial(shutil.rmtree, folder))
        start_warm_commands(folder, lasts=os.getpid())
        os.environ[COMMANDS] = str(folder)
        config.option.tx = [f"popen//python={folder / 'worker'}"] * len(config.option.tx)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the pipeline and the longest files, so that no worker idles at the end."""
    needing = {item.path for item in items if "ran" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path in needing)
    order = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path.name, len(FIRST)))


def pytest_collection_finish() -> None:
    """Exclude the million objects of imported modules from each garbage collection."""
    gc.freeze()


@pytest.fixture(scope="session")
def params() -> Params:
    return read_params(REPOSITORY / "params.yaml")


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `python` and a `dvc` that start at once."""
    if COMMANDS in os.environ:
        return Path(os.environ[COMMANDS])
    folder = tmp_path_factory.mktemp("commands")
    start_warm_commands(folder, lasts=os.getpid())
    return folder


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory, worker_id: str, commands: Path) -> Workspace:
    """A temporary repository in which DVC ran the whole pipeline with tiny settings.

    It is run once for all of pytest's workers; each has a copy.
    """
    own = tmp_path_factory.mktemp("pipeline") / "repository"
    if worker_id == "master":
        return _run_pipeline(own, commands)
    shared = tmp_path_factory.getbasetemp().parent / "pipeline"
    with FileLock(shared.with_suffix(".lock")):
        if not shared.is_dir():
            _run_pipeline(shared.with_suffix(".running"), commands).folder.rename(shared)
    shutil.copytree(shared, own, symlinks=True)
    return Workspace(own, commands)


def _run_pipeline(folder: Path, commands: Path) -> Workspace:
    workspace = Workspace.create(folder, commands)
    workspace.dvc("repro")
    workspace.commit()
    return workspace


@pytest.fixture
def workspace(ran: Workspace) -> Iterator[Workspace]:
    """The repository after `dvc repro`; it is restored after the test."""
    before = ran.stat_outputs()
    yield ran
    ran.restore(has_outputs=ran.stat_outputs() == before)


@pytest.fixture
def contenders(workspace: Workspace) -> Workspace:
    """The contenders' DVC project in the same repository, with tiny settings."""
    return workspace.add_contenders()


@pytest.fixture(scope="session")
def rendered_imm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imm")
    write_imm(folder, people=2, seed=1, workers=1)
    return folder


@pytest.fixture(scope="session")
def rendered_ibug(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ibug")
    write_ibug(folder, photos=16, test_photos=3, seed=1, workers=1)
    return folder


@pytest.fixture(scope="session")
def tiny_model(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network of 68 points in boxes, small and quick, as a model file."""
    from keypoints.crops.format import Task
    from keypoints.models.build import build_network, read_model_settings
    from keypoints.models.checkpoint import ModelInfo
    from keypoints.models.predict import save_model

    task = params.entry("tasks", "wild", Task).model_copy(update={"height": 64, "width": 64})
    small = {"task": "wild", "channels": 8, "hidden_features": 32}
    colour = {"mean": [0.5] * 3, "std": [0.25] * 3}
    model = read_model_settings(params, "nose_net").model_copy(update=small | colour)
    settings = ModelInfo(name="tiny", seed=1, lr=1e-3, scheme="ibug68", model=model, task=task)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    save_model(path, build_network(model, task, 68, seed=1), settings)
    return path


@pytest.fixture(scope="session")
def paint_dots() -> Callable[..., None]:
    """Writes a photo, lossless, with a soft bright dot at each point."""

    def paint(path: Path, size: tuple[int, int], points_photo: Array, spread: float = 2.5) -> None:
        y, x = np.mgrid[: size[0], : size[1]]
        photo = np.full(size, BACKGROUND, float)
        for point_x, point_y in points_photo:
            distance = ((x - point_x) ** 2 + (y - point_y) ** 2) / (2 * spread**2)
            photo += (BRIGHTEST - BACKGROUND) * np.exp(-distance)
        assert cv2.imwrite(str(path), photo.round().clip(0, 255).astype(np.uint8))

    return paint


@pytest.fixture(scope="session")
def dot_near() -> Callable[..., Array | None]:
    """Finds the middle of the dot around a point, px; None where the picture cuts it off."""

    def find(picture: NDArray[np.uint8], point: Array, reach: int = 7) -> Array | None:
        column, row = np.round(point).astype(int)
        height, width = picture.shape[:2]
        if not (reach <= column < width - reach and reach <= row < height - reach):
            return None
        y, x = np.mgrid[row - reach : row + reach + 1, column - reach : column + reach + 1]
        light = picture[y, x].reshape(x.shape).astype(float)
        light -= light.min()
        return np.array([(x * light).sum(), (y * light).sum()]) / light.sum()

    return find


@pytest.fixture(scope="session")
def dot_folder(tmp_path_factory: pytest.TempPathFactory, paint_dots: Callable[..., None]) -> Path:
    """A store of twelve faces of three dots, four held out; the input is 48 x 64 px, not square."""
    root = tmp_path_factory.mktemp("dots")
    rng = np.random.default_rng(1)
    faces = []
    for number in range(12):
        middle = rng.uniform((40, 35), (100, 85))  # some regions leave the photo
        points = middle + [(1, 2), (26, -6), (-20, 22)] + rng.uniform(-3, 3, (3, 2))
        paint_dots(root / f"{number:02d}.png", (120, 150), points)
        box = (*(middle - 30), *(middle + (30, 26)))
        faces.append(Face(f"{number:02d}", f"{number:02d}.png", f"{number:02d}", box, points))
    format_ = CropFormat(
        height=48, width=64, margin=10, colour=False, box_scale=1.3, scheme="ibug68"
    )
    write_crops(
        root / "store",
        root,
        faces,
        lambda face: "train" if face.name < "08" else "validation",
        format_,
    )
    return root / "store"


@pytest.fixture(scope="session")
def dot_store(dot_folder: Path) -> Iterator[CropStore]:
    with CropStore(dot_folder) as store:
        yield store


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleService]:
    """Kaggle on this machine, for the real client in this process and in those it starts."""
    service = KaggleService()
    for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
        monkeypatch.delenv(name)
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    stop = service.run()
    yield service
    stop()
