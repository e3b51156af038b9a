"""Render or download a data set, and check it: `python src/fetch.py DATASET`."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.timing import timed
from keypoints.download.acquire import fetch_archives
from keypoints.download.mirrors import DownloadDirs
from keypoints.faces.dataset import Dataset, DatasetSettings, find_dataset
from keypoints.faces.face import FormatError
from keypoints.faces.images import check_photos
from keypoints.rendered.writers import render


def fetch(name: str) -> None:
    """Write data/raw/NAME; every photo decodes and every annotation is complete."""
    params = read_params()
    dataset = find_dataset(name)
    settings: DatasetSettings = params.entry("datasets", name, dataset.settings)
    source = settings.choose_source(params.read("source", Literal["rendered", "public"]))
    archives = settings.archives()
    dirs = DownloadDirs.read(params)
    with paths.atomic_folder(paths.RAW / name) as folder:
        if source == "rendered":
            assert settings.rendered is not None  # choose_source guarantees it
            render(name, folder, settings.rendered.model_dump())
            info: dict[str, Any] = {"source": source, "file": None, "sha256": None}
        else:
            info = {"source": source} | fetch_archives(name, archives, folder, dirs)
        counts = _check(dataset, folder, info["file"])
        (folder / "source.json").write_text(json.dumps(info | {"faces": counts}, indent=2) + "\n")
    found = ", ".join(
        f"{n_faces} {split} (public set: {dataset.public_counts.get(split, 0)})"
        for split, n_faces in counts.items()
    )
    print(f"{name}: all photos decode, all annotations are complete: {found}")


def _check(dataset: Dataset, folder: Path, archive: str | None) -> dict[str, int]:
    """Read all faces and decode all photos; returns the numbers of training and test faces."""
    try:
        if dataset.convert:
            dataset.convert(folder)
        faces = dataset.read(folder)
        check_photos((folder / face.photo for face in faces), len(faces))
    except FormatError as error:
        if archive is None:
            raise
        raise FormatError(
            f"{error}\nThe archive {archive} is faulty: repair it, or set `mirror:` in params.yaml "
            "to another copy."
        ) from error
    return dict(Counter("test" if face.is_test else "train" for face in faces))


if __name__ == "__main__":
    run_stage(timed("fetch", fetch), __doc__)
