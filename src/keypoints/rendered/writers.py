"""Rendered data sets, written in the file formats of the public sets.

Photo `index` of a seed is always the same, byte for byte, regardless of the number of photos and
processes.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import cv2
from tqdm import tqdm

from keypoints.config.messages import SettingsError, join_names
from keypoints.core.errors import PipelineError
from keypoints.core.parallel import n_cores
from keypoints.rendered import formats, imm_photo, kaggle_csv
from keypoints.rendered.formats import XmlFace
from keypoints.rendered.ibug_photo import render_ibug_photo
from keypoints.rendered.kaggle15_photo import Kaggle15Photo, render_kaggle15_photo
from keypoints.rendered.sampling import Difficulty
from keypoints.rendered.scene import Stream, generator

IMM_FOLDER = "imm_face_db"
IBUG_FOLDER = "ibug_300W_large_face_landmark_dataset"
# One of eight training photos is the flipped copy of another.
_PHOTOS_PER_COPY = 8
# One of 13 people is photographed in grayscale, as three of 40 in the public set.
_GRAYSCALE_EVERY = 13
# Up to this number of items, rendering takes less time than starting processes.
_MAX_SERIAL = 24
_IBUG_FOLDERS = ("helen/trainset", "lfpw/trainset", "helen/trainset", "afw", "lfpw/trainset",
                 "helen/testset", "helen/trainset", "lfpw/testset")  # fmt: skip

Result = TypeVar("Result")


def render(dataset: str, folder: Path, settings: Mapping[str, Any]) -> None:
    """Render a data set.

    Args:
        dataset: Name of the data set.
        folder: Folder to write to.
        settings: `datasets.NAME.rendered` of params.yaml: the number of photos, and
            seed: Seed of all random numbers.
            difficulty: 0 for frontal, neutral, evenly lit, unoccluded faces and an ideal camera; 1
                for photos like the public ones; 2 for harder ones.
            disabled: Kinds of variation with difficulty 0 (see `Difficulty`).
            workers: Number of processes; by default one per core.

    Raises:
        SettingsError: If the data set cannot be rendered.
    """
    writer = WRITERS.get(dataset)
    if writer is None:
        raise SettingsError(
            f"the data set {dataset} cannot be rendered (only {join_names(list(WRITERS))} can); "
            "set `source: public` in params.yaml to download it"
        )
    writer(folder, **settings)


def write_imm(
    folder: Path,
    *,
    people: int,
    seed: int,
    difficulty: float = 1.0,
    disabled: Collection[str] = (),
    workers: int | None = None,
) -> None:
    """Write six photos of each person to `imm_face_db`: `01-1m.jpg`, `01-1m.asf` and so on.

    Raises:
        ValueError: If there are more than 99 people: the file names have two digits for them.
    """
    if not 1 <= people <= 99:
        raise ValueError(f"people must be 1 to 99, for the file names; got {people}")
    target = folder / IMM_FOLDER
    target.mkdir(parents=True, exist_ok=True)
    write = partial(_write_person, target, seed, Difficulty.from_level(difficulty, disabled))
    _map_in_processes(write, people, workers, "people", max_serial=4)


def write_ibug(
    folder: Path,
    *,
    photos: int,
    test_photos: int,
    seed: int,
    difficulty: float = 1.0,
    disabled: Collection[str] = (),
    workers: int | None = None,
) -> None:
    """Write photos and dlib lists to `ibug_300W_large_face_landmark_dataset`.

    `photos` is the number of training photos including flipped copies.
    """
    target = folder / IBUG_FOLDER
    target.mkdir(parents=True, exist_ok=True)
    copies = photos // _PHOTOS_PER_COPY
    write = partial(_write_ibug_photo, target, seed, Difficulty.from_level(difficulty, disabled))
    train = partial(write, Stream.IBUG_TRAIN, copies)
    groups = _map_in_processes(train, photos - copies, workers, "training photos")
    faces = [face for group in groups for face in group]
    order = generator(seed, Stream.IBUG_ORDER, 0).permutation(len(faces))
    shuffled = [faces[k] for k in order]
    formats.write_list(target / formats.TRAIN_LIST, "Rendered faces, training", shuffled)
    test = partial(write, Stream.IBUG_TEST, 0)
    groups = _map_in_processes(test, test_photos, workers, "test photos")
    faces = [face for group in groups for face in group]
    name = "Rendered faces, testing"
    formats.write_list(target / formats.TEST_LIST, name, faces, with_landmarks=False)
    formats.write_list(target / formats.TEST_LIST_WITH_LANDMARKS, name, faces)


def write_kaggle15(
    folder: Path,
    *,
    faces: int,
    test_faces: int,
    seed: int,
    difficulty: float = 1.0,
    disabled: Collection[str] = (),
    workers: int | None = None,
) -> None:
    """Write `training.csv`, `test.csv`, `IdLookupTable.csv` and `solution.csv`.

    About a third of the faces have 15 points, the others four. Kaggle publishes no solution.
    """
    work = partial(_render_kaggle15_photo, seed, Difficulty.from_level(difficulty, disabled))
    train = partial(work, Stream.KAGGLE15_TRAIN)
    photos = _map_in_processes(train, faces, workers, "training photos")
    kaggle_csv.write_training(folder / "training.csv", photos)
    test = partial(work, Stream.KAGGLE15_TEST)
    kaggle_csv.write_test(folder, _map_in_processes(test, test_faces, workers, "test photos"))


WRITERS: dict[str, Callable[..., None]] = {
    "imm": write_imm,
    "ibug": write_ibug,
    "kaggle15": write_kaggle15,
}


def _render_kaggle15_photo(
    seed: int, difficulty: Difficulty, stream: Stream, index: int
) -> Kaggle15Photo:
    return render_kaggle15_photo(generator(seed, stream, index), difficulty)


def _write_person(target: Path, seed: int, difficulty: Difficulty, index: int) -> None:
    person = imm_photo.sample_sitter(generator(seed, Stream.IMM_PERSON, index), difficulty)
    grayscale = index % _GRAYSCALE_EVERY == 1
    for view in imm_photo.VIEWS:
        rng = generator(seed, Stream.IMM_VIEW, index * len(imm_photo.VIEWS) + view)
        photo, landmarks = imm_photo.render_imm_photo(
            person, view, rng, difficulty, grayscale=grayscale
        )
        name = f"{index + 1:02d}-{view}{'f' if person.is_female else 'm'}"
        formats.write_photo(target / f"{name}.jpg", photo, 92)
        # 41 of the 240 public files have these columns, most of them views with the spot light.
        user_columns = view == imm_photo.SPOT
        path = target / f"{name}.asf"
        formats.write_asf(path, landmarks, imm_photo.PHOTO_SIZE, user_columns=user_columns)


def _write_ibug_photo(
    target: Path, seed: int, difficulty: Difficulty, stream: Stream, copies: int, index: int
) -> list[XmlFace]:
    """Write one photo, and its flipped copy if `index` is below `copies`; return their entries."""
    rendered = render_ibug_photo(generator(seed, stream, index), difficulty)
    file = _ibug_file(stream, index)
    formats.write_photo(target / file, rendered.pixels, rendered.quality)
    height, width = rendered.pixels.shape[:2]
    face = XmlFace(file, (height, width), rendered.box, rendered.landmarks_photo)
    if index >= copies:
        return [face]
    copy = face.hflip(file.replace(".jpg", "_mirror.jpg"))
    formats.write_photo(target / copy.file, cv2.flip(rendered.pixels, 1), rendered.quality)
    return [face, copy]


def _ibug_file(stream: Stream, index: int) -> str:
    """File name like those in the sets that iBUG collects; test photos have higher numbers."""
    number = index + (500_000 if stream == Stream.IBUG_TEST else 0)
    folder = _IBUG_FOLDERS[index % len(_IBUG_FOLDERS)]
    name = f"image_{number:06d}.jpg" if "lfpw" in folder else f"{number:06d}_1.jpg"
    return f"{folder}/{name}"


def _map_in_processes(
    work: Callable[[int], Result],
    count: int,
    workers: int | None,
    unit: str,
    max_serial: int | None = None,
) -> list[Result]:
    """Results of `work` for 0 to count - 1, in order.

    Up to `max_serial` items, no processes are started; None: `_MAX_SERIAL`.

    Raises:
        PipelineError: If a process is killed.
    """
    workers = workers or n_cores()
    with tqdm(total=count, unit=f" {unit}", disable=None) as bar:
        if workers == 1 or count <= (_MAX_SERIAL if max_serial is None else max_serial):
            return [_advance(bar, work(index)) for index in range(count)]
        # Spawned, not forked: the caller may have threads.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
            with _interruptions_blocked():  # in the processes, too, which this one ends
                results = pool.map(work, range(count), chunksize=max(1, min(16, count // workers)))
            try:
                return [_advance(bar, result) for result in results]
            except BrokenProcessPool as error:
                raise PipelineError(
                    f"a process that renders {unit} was killed, perhaps because the memory is "
                    "full; run the command again, if necessary on one core (taskset -c 0)"
                ) from error


def _advance(bar: tqdm, result: Result) -> Result:
    bar.update()
    return result


def _start_worker() -> None:
    cv2.setNumThreads(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is killed; it would wait for work forever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


@contextmanager
def _interruptions_blocked() -> Iterator[None]:
    """Delay Ctrl-C and the end of the terminal; processes that are started never receive them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGHUP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
