"""Render or download a data set, and check it: `python src/fetch.py DATASET`."""

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.errors import shorten_list
from keypoints.core.records import write_record
from keypoints.core.timing import timed
from keypoints.download.acquire import fetch_archives
from keypoints.download.mirrors import DownloadDirs
from keypoints.faces.check import check_faces
from keypoints.faces.dataset import Dataset, DatasetSettings, find_dataset
from keypoints.faces.face import Face, FormatError
from keypoints.faces.face_list import EXCLUDED, DiskBackedFaces, match_names, write_excluded
from keypoints.faces.faults import Fault, FaultyFacesError, list_faults
from keypoints.faces.files import DATASET_PHOTO_SUFFIXES, find_file, find_files
from keypoints.rendered.writers import render

SOURCE_FILE = "source.json"  # in the folder of a data set
OWN_FILES = (SOURCE_FILE, EXCLUDED)  # of all data sets

SPLITS = {"train": "training", "test": "test"}  # in messages


def fetch(name: str) -> None:
    """Write data/raw/NAME; every photo decodes and every annotation is complete."""
    params = read_params()
    dataset = find_dataset(name)
    settings: DatasetSettings = params.entry("datasets", name, dataset.settings)
    source = settings.choose_source(params.read("source", Literal["rendered", "public"]))
    archives = settings.archives()
    dirs = DownloadDirs.read(params)
    with paths.atomic_folder(paths.RAW / name) as folder:
        remedy = ""
        if source == "rendered":
            assert settings.rendered is not None  # choose_source guarantees it
            render(name, folder, settings.rendered.model_dump())
            info: dict[str, Any] = {"source": source, "file": None, "sha256": None}
        else:
            archive, info = fetch_archives(name, archives, folder, dirs)
            info = {"source": source} | info
            _remove_own_files(name, folder, dataset)
            delete = "delete it, so that it is fetched again, " if dirs.keeps(archive) else ""
            kind = "folder" if archive.is_dir() else "archive"
            remedy = (
                f"\nThis comes from the {kind} {archive}: {delete}replace it by a correct copy, "
                "or set `mirror:` in params.yaml to another one"
            )
        write_excluded(folder, settings.exclude)
        faces = _read_and_check(name, dataset, folder, remedy)
        info["faces"] = Counter("test" if face.is_test else "train" for face in faces)
        if left_out := _report_left_out(name, faces, settings.exclude):
            info["left_out"] = left_out
        if source != "rendered" and (unlisted := _report_unlisted(name, folder, faces, left_out)):
            info["unlisted_photos"] = len(unlisted)
        write_record(folder / SOURCE_FILE, info)
    found = ", ".join(
        f"{n_faces:,} {SPLITS[split]} faces (public set: {dataset.public_counts.get(split, 0):,})"
        for split, n_faces in info["faces"].items()
    )
    print(f"{name}: all photos decode, all annotations are complete: {found}")


def _remove_own_files(name: str, folder: Path, dataset: Dataset) -> None:
    """Remove the pipeline's own files from an archive, which would steer it or be in its way."""
    own = [path for file in (*OWN_FILES, *dataset.own_files) if (path := folder / file).exists()]
    for path in own:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if own:
        names = shorten_list([path.name for path in own])
        print(f"{name}: left out {len(own)} file(s) that this project writes itself: {names}")


def _read_and_check(name: str, dataset: Dataset, folder: Path, remedy: str) -> Sequence[Face]:
    """Read all faces and decode all photos.

    Raises:
        FormatError: With all faults and the remedy.
    """
    faces: Sequence[Face] = ()
    faults: list[Fault] = []
    try:
        if dataset.convert:
            dataset.convert(folder)
        for file in dataset.store_files:  # which `prepare` copies
            find_file(folder, file)
    except FormatError as error:
        faults += _faults_of(error)
    is_converted = not faults
    try:
        faces = dataset.read(folder)
    except FormatError as error:
        known = {fault.problem for fault in faults}
        faults += [fault for fault in _faults_of(error) if fault.problem not in known]
        faces = error.faces if isinstance(error, FaultyFacesError) else ()
    if is_converted:  # otherwise photos may be missing
        faults += check_faces(folder, faces, dataset.scheme)
    if faults:
        if remedy and all(fault.name for fault in faults):
            remedy += (
                f".\nTo leave these faces out, list their names, such as {faults[0].name}, in "
                f"`datasets.{name}.exclude`"
            )
        raise FormatError(list_faults(faults) + remedy)
    return faces


def _faults_of(error: FormatError) -> Sequence[Fault]:
    return error.faults if isinstance(error, FaultyFacesError) else [Fault(str(error))]


def _report_left_out(name: str, faces: Sequence[Face], exclude: Sequence[str]) -> list[str]:
    """Names of the faces that were left out, which are also printed."""
    left_out = (
        [entry.name for entry in faces.left_out] if isinstance(faces, DiskBackedFaces) else []
    )
    if left_out:
        print(f"{name}: {len(left_out)} face(s) left out: {shorten_list(left_out)}")
    for pattern in exclude:
        if not any(map(match_names([pattern]), left_out)):
            print(f"warning: datasets.{name}.exclude: no face is named {pattern}", file=sys.stderr)
    return left_out


def _report_unlisted(
    name: str, folder: Path, faces: Sequence[Face], left_out: Sequence[str]
) -> list[str]:
    """Photos that no annotation file names, which are also printed."""
    listed = {face.photo for face in faces}
    ends = tuple(f"/{entry}" for entry in left_out)
    photos = (
        path.relative_to(folder)
        for path in find_files(folder, "*")
        if path.suffix.lower() in DATASET_PHOTO_SUFFIXES
    )
    unlisted = [
        photo.as_posix()
        for photo in photos
        if photo.as_posix() not in listed
        and not f"/{photo.with_suffix('').as_posix()}".endswith(ends)
    ]
    if unlisted:
        print(f"{name}: {len(unlisted)} photo(s) in no list of faces: {shorten_list(unlisted)}")
    return unlisted


if __name__ == "__main__":
    run_stage(timed("fetch", fetch), __doc__)
