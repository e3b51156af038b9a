"""Bring a data set or the pre-trained weights: `python src/fetch.py ITEM`."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from keypoints.config.messages import SettingsError
from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.timing import timed
from keypoints.datasets import ibug, imm, kaggle15
from keypoints.download.acquire import (
    DownloadDirs,
    SourceInfo,
    fetch_archive,
    fetch_from_kaggle,
    fetch_test_list,
    render,
)
from keypoints.download.mirrors import DownloadError
from keypoints.download.pretrained import fetch_weights
from keypoints.faces.face import FormatError
from keypoints.faces.face_list import DiskBackedFaces
from keypoints.faces.images import check_photos

DOWNLOADS = paths.repo_root() / ".downloads"


def fetch(item: str) -> None:
    """Bring one item into its folder, and check it as a whole."""
    params = read_params()
    if item == "weights":
        _fetch_weights(params)
        return
    with paths.atomic_folder(paths.RAW / item) as folder:
        _fetch_faces(item, params, folder)


def _fetch_faces(item: str, params: Params, folder: Path) -> None:
    record = _bring(item, params, folder)
    read, public = READERS[item]
    try:
        if item == "kaggle15":
            kaggle15.write_photos(folder, max_bytes=params.downloads.kaggle15.max_bytes)
        counts = _check(read(folder), folder)
    except FormatError as error:
        raise FormatError(
            f"{error}\nIt came so from {record['file'] or 'the renderer'}: mend it there, or set "
            "`mirror:` in params.yaml to another source of that file."
        ) from error
    found = ", ".join(f"{counts[side]} {side} (public set: {public[side]})" for side in counts)
    print(f"{item}: every photo opens, every annotation is whole: {found}")
    (folder / "source.json").write_text(json.dumps(record | {"faces": counts}, indent=2) + "\n")


def _bring(item: str, params: Params, folder: Path) -> SourceInfo:
    archives, places = params.downloads, DownloadDirs(_mirror(params), DOWNLOADS)
    if item == "kaggle15" and archives.kaggle15.source == "kaggle":
        return fetch_from_kaggle(item, folder, archives.kaggle15, places)
    if item == "kaggle15" or params.source == "rendered":
        return render(item, folder, params.rendered)
    if item == "imm":
        return fetch_archive(item, folder, archives.imm, places)
    record = fetch_archive(item, folder, archives.ibug, places)
    if archives.ibug.test_list == "kaggle":
        limit = archives.ibug.max_bytes
        record |= fetch_test_list(params.competition, folder, places, max_bytes=limit)
    return record


def _fetch_weights(params: Params) -> None:
    paths.replace_output(paths.WEIGHTS)
    for name, model in params.models.items():
        try:
            what = fetch_weights(
                model,
                paths.WEIGHTS / name,
                mirror=_mirror(params),
                home=paths.repo_root(),
                downloads=DOWNLOADS,
            )
        except (SettingsError, DownloadError) as error:
            raise type(error)(f"models.{name}: {error}") from error
        print(f"{name}: {what}")


def _mirror(params: Params) -> str | None:
    """The mirror; a folder is relative to the repository's root, in experiments too."""
    if params.mirror is None or "://" in params.mirror:
        return params.mirror
    return str(paths.repo_root() / params.mirror)


def _check(faces: DiskBackedFaces, folder: Path) -> dict[str, int]:
    """Open every photo; how many faces there are to train on and to test."""
    check_photos((folder / face.photo for face in faces), len(faces))
    return dict(Counter("test" if face.is_test else "train" for face in faces))


READERS: dict[str, tuple[Callable[[Path], DiskBackedFaces], dict[str, int]]] = {
    "imm": (imm.read_imm, {"train": imm.PUBLIC_COUNT}),
    "ibug": (ibug.read_ibug, ibug.PUBLIC_COUNTS),
    "kaggle15": (kaggle15.read_kaggle15, kaggle15.PUBLIC_COUNTS),
}


if __name__ == "__main__":
    run_stage(timed("fetch", fetch), __doc__, items=(*READERS, "weights"))
