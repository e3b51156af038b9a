"""A data set's files into a folder: drawn, downloaded, or from Kaggle; and a record of which."""

from dataclasses import dataclass
from pathlib import Path

from keypoints.config.data import Archive, ArchiveLimits, IbugArchive, Kaggle15Archive, Rendered
from keypoints.datasets import ibug
from keypoints.download.kaggle_files import competition_files, extract_test_list
from keypoints.download.mirrors import Download, download
from keypoints.download.unpack import is_archive, newest_date, unpack
from keypoints.rendered import writers as rendered

SourceInfo = dict[str, str | None]


@dataclass(frozen=True)
class DownloadDirs:
    """Where files are looked for before, and kept after a download.

    Attributes:
        mirror: Folder or URL prefix that is asked first.
        downloads: Where finished downloads are kept.
    """

    mirror: str | None
    downloads: Path


def render(item: str, folder: Path, settings: Rendered) -> SourceInfo:
    """Draw the faces of imm, ibug or kaggle15 in the layout of the public set."""
    if item == "imm":
        rendered.write_imm(folder, **settings.imm.model_dump())
    elif item == "ibug":
        rendered.write_ibug(folder, **settings.ibug.model_dump())
    else:
        rendered.write_kaggle15(folder, **settings.kaggle15.model_dump())
    return {"source": "rendered", "file": None, "sha256": None}


def fetch_archive(
    item: str, folder: Path, archive: Archive | IbugArchive, places: DownloadDirs
) -> SourceInfo:
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


def fetch_from_kaggle(
    item: str, folder: Path, files: Kaggle15Archive, places: DownloadDirs
) -> SourceInfo:
    """Download a competition's files and unpack them; arguments as `fetch_archive`."""
    found = competition_files(
        files.competition,
        downloads=places.downloads,
        mirror=places.mirror,
        sha256=files.sha256,
    )
    return _unpacked(item, found, folder, files, source="kaggle")


def _unpacked(
    item: str, found: Download, folder: Path, packed: ArchiveLimits, *, source: str
) -> SourceInfo:
    print(f"{item}: {found.origin}\n  sha256 {found.sha256}")
    unpack(found.path, folder, max_bytes=packed.max_bytes)
    record: SourceInfo = {"source": source, "date": newest_date(folder)}
    return record | {"file": found.path.name, "sha256": found.sha256}


def fetch_test_list(slug: str, folder: Path, places: DownloadDirs, *, max_bytes: int) -> SourceInfo:
    """Put a competition's test list beside the training list of 300-W; the reader prefers it.

    Args:
        slug: Of the competition.
        folder: Of the data set.
        places: Where its archive is looked for.
        max_bytes: Of the list.
    """
    found = competition_files(slug, downloads=places.downloads, mirror=places.mirror)
    training_list = next(folder.rglob(ibug.TRAIN_LIST), folder / ibug.TRAIN_LIST)
    path = extract_test_list(
        found.path, ibug.TEST_LISTS[0], beside=training_list, max_bytes=max_bytes
    )
    print(f"ibug: {path.name} of {found.origin}\n  sha256 {found.sha256}")
    return {"test_list": found.path.name, "test_list_sha256": found.sha256}
