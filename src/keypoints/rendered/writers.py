"""Faces that the project draws itself, written in the formats of the public sets.

Draw m of a seed is the same photo, byte for byte, whatever else is drawn and by how many processes.
"""

import multiprocessing
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
from tqdm import tqdm

from keypoints.core.parallel import n_cores
from keypoints.rendered import formats, kaggle_csv, studio, wild
from keypoints.rendered.chance import Stream, generator
from keypoints.rendered.difficulty import Difficulty
from keypoints.rendered.formats import XmlFace
from keypoints.rendered.portrait import Portrait, draw_portrait

IMM_FOLDER = "imm_face_db"
IBUG_FOLDER = "ibug_300W_large_face_landmark_dataset"
# Of eight training photos one is the mirror twin of another.
_PHOTOS_PER_TWIN = 8
# Every so many people is grey; the public set has three of 40.
_PEOPLE_PER_GREY = 13
# Starting processes costs more than drawing so few items.
_FEW = 24
_PART_FOLDERS = ("helen/trainset", "lfpw/trainset", "helen/trainset", "afw", "lfpw/trainset",
                 "helen/testset", "helen/trainset", "lfpw/testset")  # fmt: skip

Result = TypeVar("Result")


def write_imm(
    folder: Path,
    *,
    people: int,
    seed: int,
    difficulty: float = 1.0,
    plain: Collection[str] = (),
    workers: int | None = None,
) -> None:
    """Write a set in the layout of the IMM Face Database: six photos of each person.

    Args:
        folder: Gets `imm_face_db/01-1m.jpg`, `01-1m.asf` and so on.
        people: At most 99: their numbers have two digits.
        seed: Of every draw.
        difficulty: 0 for six frontal, resting faces each; 1 for views as in the public set.
        plain: Kinds that are drawn as at difficulty 0, whatever it is (see `Difficulty`).
        workers: Processes; None for one per core.

    Raises:
        ValueError: If there are too many people for the file names.
    """
    if not 1 <= people <= 99:
        raise ValueError(f"people must be 1 to 99, for the file names; got {people}")
    target = folder / IMM_FOLDER
    target.mkdir(parents=True, exist_ok=True)
    write = partial(_write_person, target, seed, Difficulty.of(difficulty, plain))
    _in_parallel(write, people, workers, "people", few=4)


def write_ibug(
    folder: Path,
    *,
    photos: int,
    test_photos: int,
    seed: int,
    difficulty: float = 1.0,
    plain: Collection[str] = (),
    workers: int | None = None,
) -> None:
    """Write a set in dlib's layout of the 300-W / iBUG photos.

    Args:
        folder: Gets `ibug_300W_large_face_landmark_dataset/` with the lists and the photos.
        photos: Entries of the training list, mirror twins included.
        test_photos: Entries of both test lists.
        seed: Of every draw.
        difficulty: 0 for frontal, resting, evenly lit faces that nothing hides, taken by a clean
            camera; 1 for photos like the public ones; 2 for harder ones.
        plain: As for `write_imm`.
        workers: Processes; None for one per core.
    """
    target = folder / IBUG_FOLDER
    target.mkdir(parents=True, exist_ok=True)
    twins = photos // _PHOTOS_PER_TWIN
    write = partial(_write_wild, target, seed, Difficulty.of(difficulty, plain))
    train = partial(write, Stream.TRAIN_PHOTO, twins)
    groups = _in_parallel(train, photos - twins, workers, "training photos")
    faces = [face for group in groups for face in group]
    order = generator(seed, Stream.LIST_ORDER, 0).permutation(len(faces))
    formats.write_list(
        target / formats.TRAIN_LIST, "Rendered faces, training", [faces[k] for k in order]
    )
    test = partial(write, Stream.TEST_PHOTO, 0)
    groups = _in_parallel(test, test_photos, workers, "test photos")
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
    plain: Collection[str] = (),
    workers: int | None = None,
) -> None:
    """Write a set in the CSVs of Kaggle's facial-keypoints-detection.

    Args:
        folder: Gets `training.csv`, `test.csv`, `IdLookupTable.csv` and, what Kaggle keeps to
            itself, `solution.csv`.
        faces: Rows of the training file; of about half of them all points are known.
        test_faces: Rows of the test file.
        seed: Of every draw.
        difficulty: As for `write_ibug`.
        plain: As for `write_imm`.
        workers: Processes; None for one per core.
    """
    portrait = partial(_draw_portrait, seed, Difficulty.of(difficulty, plain))
    draw = partial(portrait, Stream.TRAIN_PORTRAIT)
    portraits = _in_parallel(draw, faces, workers, "training portraits")
    kaggle_csv.write_training(folder / "training.csv", portraits)
    draw = partial(portrait, Stream.TEST_PORTRAIT)
    kaggle_csv.write_test(folder, _in_parallel(draw, test_faces, workers, "test portraits"))


def _draw_portrait(seed: int, difficulty: Difficulty, purpose: Stream, index: int) -> Portrait:
    return draw_portrait(generator(seed, purpose, index), difficulty)


def _write_person(target: Path, seed: int, difficulty: Difficulty, index: int) -> None:
    person = studio.sample_sitter(generator(seed, Stream.IMM_PERSON, index), difficulty)
    grey = index % _PEOPLE_PER_GREY == 1
    for view in studio.VIEWS:
        rng = generator(seed, Stream.IMM_VIEW, index * len(studio.VIEWS) + view)
        photo, landmarks = studio.draw_view(person, view, rng, difficulty, grey=grey)
        name = f"{index + 1:02d}-{view}{'f' if person.is_female else 'm'}"
        formats.write_photo(target / f"{name}.jpg", photo, 92)
        # The public set has the columns in 41 of 240 files, most of them of the spot light.
        user_columns = view == studio.SPOT
        path = target / f"{name}.asf"
        formats.write_asf(path, landmarks, studio.SIZE, user_columns=user_columns)


def _write_wild(
    target: Path, seed: int, difficulty: Difficulty, purpose: Stream, twins: int, index: int
) -> list[XmlFace]:
    """Write one photo, and its mirror twin if it is among the first `twins`; their entries."""
    drawn = wild.draw_wild_photo(generator(seed, purpose, index), difficulty)
    file = _photo_name(purpose, index)
    formats.write_photo(target / file, drawn.pixels, drawn.quality)
    height, width = drawn.pixels.shape[:2]
    face = XmlFace(file, (height, width), drawn.box, drawn.landmarks_photo)
    if index >= twins:
        return [face]
    twin = face.mirrored(file.replace(".jpg", "_mirror.jpg"))
    formats.write_photo(target / twin.file, cv2.flip(drawn.pixels, 1), drawn.quality)
    return [face, twin]


def _photo_name(purpose: Stream, index: int) -> str:
    """A name in the manner of the sets that iBUG collects; test numbers follow the others'."""
    number = index + (500_000 if purpose == Stream.TEST_PHOTO else 0)
    part = _PART_FOLDERS[index % len(_PART_FOLDERS)]
    return f"{part}/image_{number:06d}.jpg" if "lfpw" in part else f"{part}/{number:06d}_1.jpg"


def _in_parallel(
    work: Callable[[int], Result], count: int, workers: int | None, unit: str, few: int = _FEW
) -> list[Result]:
    """Results of `work` for 0 to count - 1, in order."""
    workers = workers or n_cores()
    with tqdm(total=count, unit=f" {unit}", disable=None) as bar:
        if workers == 1 or count <= few:
            return [_counted(work(index), bar) for index in range(count)]
        # Spawned, not forked: the caller may hold threads.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_use_one_thread) as pool:
            results = pool.map(work, range(count), chunksize=max(1, min(16, count // workers)))
            return [_counted(result, bar) for result in results]


def _counted(result: Result, bar: tqdm) -> Result:
    bar.update()
    return result


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
