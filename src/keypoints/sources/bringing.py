"""A data set's files into a folder: drawn, downloaded, or from Kaggle; and a record of which."""

from dataclasses import dataclass
from pathlib import Path

from keypoints.settings.data import Archive, IbugArchive, Kaggle15Archive, Packed, Rendered
from keypoints.sources import ibug, rendered
from keypoints.sources.download import Download, download
from keypoints.sources.kaggle_files import competition_files, take_test_list
from keypoints.sources.unpack import is_archive, newest_day, unpack

Record = dict[str, str | None]


@dataclass(frozen=True)
class Places:
    """Where files are looked for before, and kept after a download.

    Attributes:
        mirror: Folder or URL prefix that is asked first.
        downloads: Where finished downloads are kept.
    """

    mirror: str | None
    downloads: Path


def draw(item: str, folder: Path, settings: Rendered) -> Record:
    """Draw the faces of imm, ibug or kaggle15 in the layout of the public set."""
    if item == "imm":
        rendered.write_imm(folder, **settings.imm.model_dump())
    elif item == "ibug":
        rendered.write_ibug(folder, **settings.ibug.model_dump())
    else:
        rendered.write_kaggle15(folder, **settings.kaggle15.model_dump())
    return {"source": "rendered", "file": None, "sha256": None}


def bring_archive(
    item: str, folder: Path, archive: Archive | IbugArchive, places: Places
) -> Record:
    """Download a public archive and unpack it.

    Args:
        item: Its data set, for what is printed.
        folder: Gets the files.
        archive: Its addresses, digest and limit.
        places: Where it is looked for.
    """
    found = download(
        archive.urls,
        folder=places.downloads,
        mirror=places.mirror,
        sha256=archive.sha256,
        accepts=is_archive,
    )
    return _unpacked(item, found, folder, archive, source="public")


def bring_from_kaggle(item: str, folder: Path, files: Kaggle15Archive, places: Places) -> Record:
    """Download a competition's files and unpack them; arguments as `bring_archive`."""
    found = competition_files(
        files.competition,
        downloads=places.downloads,
        mirror=places.mirror,
        sha256=files.sha256,
    )
    return _unpacked(item, found, folder, files, source="kaggle")


def _unpacked(item: str, found: Download, folder: Path, packed: Packed, *, source: str) -> Record:
    print(f"{item}: {found.origin}\n  sha256 {found.sha256}")
    unpack(found.path, folder, max_bytes=packed.max_bytes)
    record: Record = {"source": source, "date": newest_day(folder)}
    return record | {"file": found.path.name, "sha256": found.sha256}


def bring_test_list(slug: str, folder: Path, places: Places, *, max_bytes: int) -> Record:
    """Put a competition's test list beside the training list of 300-W; the reader prefers it.

    Args:
        slug: Of the competition.
        folder: Of the data set.
        places: Where its archive is looked for.
        max_bytes: Of the list.
    """
    found = competition_files(slug, downloads=places.downloads, mirror=places.mirror)
    training_list = next(folder.rglob(ibug.TRAIN_LIST), folder / ibug.TRAIN_LIST)
    path = take_test_list(found.path, ibug.TEST_LISTS[0], beside=training_list, max_bytes=max_bytes)
    print(f"ibug: {path.name} of {found.origin}\n  sha256 {found.sha256}")
    return {"test_list": found.path.name, "test_list_sha256": found.sha256}
