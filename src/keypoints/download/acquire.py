"""Downloads the archives of a data set and unpacks them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keypoints.download.mirrors import Download, DownloadDirs, DownloadError, file_name, find
from keypoints.download.unpack import is_archive, newest_date, unpack
from keypoints.faces.dataset import Archive


def fetch_archives(
    dataset: str, archives: Sequence[Archive], folder: Path, dirs: DownloadDirs
) -> dict[str, Any]:
    """Download archives; unpack the first one into a new folder, and single files of the others.

    Returns names and digests of the archives, and the date of the newest file of the first one.
    """
    first, *others = archives
    found = _find_archive(dataset, first, dirs)
    unpack(found.path, folder, max_bytes=first.max_bytes)
    if first.competition:  # Kaggle packs some CSVs twice
        for nested in sorted(folder.rglob("*.zip")):
            unpack(nested, nested.with_suffix(""), max_bytes=first.max_bytes)
            nested.unlink()
    date = newest_date(folder)
    info: dict[str, Any] = {"date": date, "file": found.path.name, "sha256": found.sha256}
    for archive in others:
        found = _find_archive(dataset, archive, dirs)
        _extract_file(found.path, archive, folder)
        info[str(archive.only)] = {"file": found.path.name, "sha256": found.sha256}
    return info


def _find_archive(dataset: str, archive: Archive, dirs: DownloadDirs) -> Download:
    names = list(dict.fromkeys(map(file_name, archive.urls)))
    found = find(
        names or [f"{archive.competition}.zip"],
        dirs,
        urls=archive.urls,
        competition=archive.competition,
        sha256=archive.sha256,
        accepts=is_archive,
    )
    print(f"{dataset}: {found.origin}\n  sha256 {found.sha256}")
    return found


def _extract_file(path: Path, archive: Archive, folder: Path) -> None:
    """Copy one file of an archive into the folder of the file that it belongs to."""
    name = str(archive.only)
    target = next(folder.rglob(archive.beside), folder / name).with_name(name)
    with TemporaryDirectory(dir=path.parent) as temporary:
        files = Path(temporary) / "files"
        unpack(path, files, max_bytes=archive.max_bytes)
        found = sorted(files.rglob(name))
        if not found:
            others = ", ".join(sorted(file.name for file in files.rglob("*.*"))[:5])
            raise DownloadError(f"{path}: contains no {name}, only {others}")
        shutil.copyfile(found[0], target)
