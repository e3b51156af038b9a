"""Bring a data set or the pre-trained weights: `python src/fetch.py ITEM`."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from keypoints import layout
from keypoints.command import run_stage
from keypoints.download import download
from keypoints.face_list import FaceList
from keypoints.faces import FormatError
from keypoints.photos import check_photos
from keypoints.settings.params import Params, read_params
from keypoints.sources import ibug, imm, kaggle15, rendered
from keypoints.sources.kaggle_files import competition_files, take_test_list
from keypoints.sources.pretrained import fetch_weights
from keypoints.stopwatch import recorded
from keypoints.unpack import is_archive, newest_day, unpack

DOWNLOADS = layout.home() / ".downloads"

Record = dict[str, str | None]


def fetch(item: str) -> None:
    """Bring one item into its folder, and check it as a whole."""
    params = read_params()
    if item == "weights":
        _fetch_weights(params)
        return
    with layout.whole(layout.RAW / item) as folder:
        _fetch_faces(item, params, folder)


def _fetch_faces(item: str, params: Params, folder: Path) -> None:
    record = _bring(item, params)(item, params, folder)
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


def _bring(item: str, params: Params) -> Callable[[str, Params, Path], Record]:
    source = params.downloads.kaggle15.source if item == "kaggle15" else params.source
    return {"rendered": _render, "public": _download, "kaggle": _download_from_kaggle}[source]


def _render(item: str, params: Params, folder: Path) -> Record:
    if item == "imm":
        rendered.write_imm(folder, **params.rendered.imm.model_dump())
    elif item == "ibug":
        rendered.write_ibug(folder, **params.rendered.ibug.model_dump())
    else:
        rendered.write_kaggle15(folder, **params.rendered.kaggle15.model_dump())
    return {"source": "rendered", "file": None, "sha256": None}


def _download(item: str, params: Params, folder: Path) -> Record:
    archive = params.downloads.imm if item == "imm" else params.downloads.ibug
    found = download(
        archive.urls,
        folder=DOWNLOADS,
        mirror=_mirror(params),
        sha256=archive.sha256,
        accepts=is_archive,
    )
    print(f"{item}: {found.origin}\n  sha256 {found.sha256}")
    unpack(found.path, folder, max_bytes=archive.max_bytes)
    record: Record = {"source": "public", "date": newest_day(folder)}
    record |= {"file": found.path.name, "sha256": found.sha256}
    if item == "ibug" and params.downloads.ibug.test_list == "kaggle":
        record |= _take_test_list(params, folder)
    return record


def _download_from_kaggle(item: str, params: Params, folder: Path) -> Record:
    files = params.downloads.kaggle15
    found = competition_files(
        files.competition, downloads=DOWNLOADS, mirror=_mirror(params), sha256=files.sha256
    )
    print(f"{item}: {found.origin}\n  sha256 {found.sha256}")
    unpack(found.path, folder, max_bytes=files.max_bytes)
    record: Record = {"source": "kaggle", "date": newest_day(folder)}
    return record | {"file": found.path.name, "sha256": found.sha256}


def _take_test_list(params: Params, folder: Path) -> Record:
    """Put the competition's test list beside the training list; the reader prefers it."""
    slug = params.competition
    found = competition_files(slug, downloads=DOWNLOADS, mirror=_mirror(params))
    training_list = next(folder.rglob(ibug.TRAIN_LIST), folder / ibug.TRAIN_LIST)
    path = take_test_list(
        found.path,
        ibug.TEST_LISTS[0],
        beside=training_list,
        max_bytes=params.downloads.ibug.max_bytes,
    )
    print(f"ibug: {path.name} of {found.origin}\n  sha256 {found.sha256}")
    return {"test_list": found.path.name, "test_list_sha256": found.sha256}


def _fetch_weights(params: Params) -> None:
    layout.fresh(layout.WEIGHTS)
    for name, model in params.models.items():
        what = fetch_weights(
            model,
            layout.WEIGHTS / name,
            mirror=_mirror(params),
            home=layout.home(),
            downloads=DOWNLOADS,
        )
        print(f"{name}: {what}")


def _mirror(params: Params) -> str | None:
    """The mirror; a folder is relative to the repository's root, in experiments too."""
    if params.mirror is None or "://" in params.mirror:
        return params.mirror
    return str(layout.home() / params.mirror)


def _check(faces: FaceList, folder: Path) -> dict[str, int]:
    """Open every photo; how many faces there are to train on and to test."""
    check_photos((folder / face.photo for face in faces), len(faces))
    return dict(Counter("test" if face.is_test else "train" for face in faces))


READERS: dict[str, tuple[Callable[[Path], FaceList], dict[str, int]]] = {
    "imm": (imm.read_imm, {"train": imm.PUBLIC_COUNT}),
    "ibug": (ibug.read_ibug, ibug.PUBLIC_COUNTS),
    "kaggle15": (kaggle15.read_kaggle15, kaggle15.PUBLIC_COUNTS),
}


if __name__ == "__main__":
    run_stage(recorded("fetch", fetch), __doc__, items=(*READERS, "weights"))
