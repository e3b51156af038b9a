"""Downloads the archives of a data set and unpacks them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keypoints.core.errors import PipelineError, shorten_list
from keypoints.download.mirrors import (
    Download,
    DownloadDirs,
    DownloadError,
    file_name,
    find,
    spelled,
)
from keypoints.download.unpack import archive_problem, newest_date, unpack
from keypoints.faces.dataset import Archive


def fetch_archives(
    dataset: str, archives: Sequence[Archive], folder: Path, dirs: DownloadDirs
) -> tuple[Path, dict[str, Any]]:
    """Download archives; unpack the first one into a new folder, and single files of the others.

    Returns the path of the first archive, or of the folder with its files, and a record: names and
    digests of the archives, None for a folder, and the date of the newest file of the first one, or
    None if the archive has no dates.
    """
    first, *others = archives
    sha256: str | None = None
    if source := _find_folder(first, dirs):
        _copy_files(source, first, folder)
        print(f"{dataset}: {source}")
        path = source
    else:
        found = _find_archive(dataset, first, dirs)
        _unpack(found.path, folder, max_bytes=first.max_bytes)
        path, sha256 = found.path, found.sha256
    if first.competition:
        _unpack_nested(path, folder, max_bytes=first.max_bytes)
    info: dict[str, Any] = {"date": newest_date(folder), "file": path.name, "sha256": sha256}
    for archive in others:
        found = _find_archive(dataset, archive, dirs)
        _extract_file(found.path, archive, folder)
        info[str(archive.only)] = {"file": found.path.name, "sha256": found.sha256}
    return path, info


def _find_folder(archive: Archive, dirs: DownloadDirs) -> Path | None:
    """Folder of the mirror with the files of a competition, as Kaggle's notebooks have them.

    It is the mirror itself, or its folder with the name of the competition. None if the mirror has
    the archive, or none of its files.

    Raises:
        DownloadError: If a file is missing, or a digest is required, which a folder does not have.
    """
    mirror = dirs.mirror_folder
    if not archive.files or mirror is None or (mirror / f"{archive.competition}.zip").is_file():
        return None
    for folder in (mirror, mirror / archive.competition):
        missing = [name for name in archive.files if not _stored_names(folder, name)]
        if len(missing) < len(archive.files):
            if missing:
                raise DownloadError(f"{folder}: contains no {', '.join(missing)}")
            if archive.sha256:
                raise DownloadError(
                    f"{folder}: a folder has no sha256; set `sha256` in params.yaml to null"
                )
            return folder
    return None


def _stored_names(folder: Path, name: str) -> list[Path]:
    """The file of that name in a folder, or the zip archive that contains it, in any case.

    Some programs unpack an archive into a folder that has the name of its only file.
    """
    names = name, f"{name}.zip", f"{Path(name).stem}.zip"
    candidates = [spelled(folder, one) for one in names] if folder.is_dir() else []
    candidates += [spelled(path, name) for path in candidates[:1] if path.is_dir()]
    return [path for path in candidates if path.is_file()]


def _copy_files(source: Path, archive: Archive, folder: Path) -> None:
    """Copy the files, with their dates, but not their permissions: a mirror may be read-only."""
    paths = [_stored_names(source, name)[0] for name in archive.files]
    if sum(path.stat().st_size for path in paths) > archive.max_bytes:
        raise DownloadError(
            f"{source}: more than {archive.max_bytes:,} bytes, the limit that max_unpacked_gb in "
            "params.yaml sets"
        )
    folder.mkdir(parents=True)
    for path in paths:
        target = shutil.copyfile(path, folder / path.name)
        os.utime(target, (path.stat().st_atime, path.stat().st_mtime))


def _unpack(path: Path, folder: Path, *, max_bytes: int) -> None:
    if left_out := unpack(path, folder, max_bytes=max_bytes):
        names = shorten_list(left_out)
        print(f"{path.name}: left out {len(left_out)} file(s) that other systems add: {names}")


def _unpack_nested(archive: Path, folder: Path, *, max_bytes: int) -> None:
    """Unpack the archives among the files of an archive: Kaggle packs some CSVs twice."""
    for path in sorted(
        path for path in folder.rglob("*") if path.is_file() and not archive_problem(path)
    ):
        try:
            _unpack(path, path.with_name(f"{path.name}.unpacked"), max_bytes=max_bytes)
        except PipelineError as error:
            raise DownloadError(f"{archive}: {error}") from error
        path.unlink()


def _find_archive(dataset: str, archive: Archive, dirs: DownloadDirs) -> Download:
    names = list(dict.fromkeys(map(file_name, archive.urls)))
    found = find(
        names or [f"{archive.competition}.zip"],
        dirs,
        urls=archive.urls,
        competition=archive.competition,
        sha256=archive.sha256,
        problem_of=archive_problem,
    )
    print(f"{dataset}: {found.origin}\n  sha256 {found.sha256}")
    return found


def _extract_file(path: Path, archive: Archive, folder: Path) -> None:
    """Copy one file of an archive into the folder of the file that it belongs to."""
    name = str(archive.only)
    target = next(filter(Path.is_file, folder.rglob(archive.beside)), folder / name).with_name(name)
    with TemporaryDirectory(dir=path.parent) as temporary:
        files = Path(temporary) / "files"
        _unpack(path, files, max_bytes=archive.max_bytes)
        found = sorted(filter(Path.is_file, files.rglob(name)))
        if not found:
            others = ", ".join(sorted(file.name for file in files.rglob("*.*"))[:5])
            raise DownloadError(f"{path}: contains no {name}, only {others}")
        shutil.copyfile(found[0], target)
