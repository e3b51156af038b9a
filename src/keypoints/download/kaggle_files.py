"""The files of a Kaggle competition, for those who may have them."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from keypoints.download.kaggle_client import Kaggle, KaggleError
from keypoints.download.mirrors import Download, DownloadError, download, sha256_of
from keypoints.download.unpack import unpack
from keypoints.faces.face import FormatError


def competition_files(
    slug: str, *, downloads: Path, mirror: str | None, sha256: str | None = None
) -> Download:
    """Bring the archive of a competition's files: SLUG.zip.

    Asked in this order: the mirror, what lies in `downloads`, Kaggle with the user's credentials.

    Args:
        slug: Of the competition.
        downloads: Folder where finished downloads are kept; a broken one waits there in `kaggle/`.
        mirror: A folder, or what an http(s) address begins with.
        sha256: The digest that the archive must have, in hex; None accepts any.

    Raises:
        DownloadError: If it cannot be had, or is another one than `sha256` says.
        KaggleError: If Kaggle does not give it.
    """
    name = f"{slug}.zip"
    if mirror is not None and "://" in mirror and not (downloads / name).is_file():
        return download([f"{mirror.rstrip('/')}/{name}"], folder=downloads, sha256=sha256)
    places = [] if mirror is None or "://" in mirror else [Path(mirror) / name]
    for place in [*places, downloads / name]:
        if place.is_file():
            return _checked(place, str(place), sha256)
    try:
        arrived = Kaggle(slug).download(downloads / "kaggle")
    except KaggleError as error:
        raise KaggleError(f"{error}\nOr put {name} into the mirror or into {downloads}") from error
    arrived.replace(downloads / name)
    return _checked(downloads / name, f"https://www.kaggle.com/c/{slug}", sha256)


def extract_test_list(archive: Path, name: str, beside: Path, *, max_bytes: int) -> Path:
    """Take a test list out of a competition's archive, and put it beside the training list.

    Args:
        archive: Of the competition's files.
        name: Of the list, wherever it lies in the archive.
        beside: The training list.
        max_bytes: The most that may come out of the archive.

    Returns:
        The test list's path.

    Raises:
        FormatError: If the archive has no such file.
    """
    with TemporaryDirectory(dir=archive.parent) as folder:
        files = Path(folder) / "files"
        unpack(archive, files, max_bytes=max_bytes)
        found = sorted(files.rglob(name))
        if not found:
            others = ", ".join(sorted(path.name for path in files.rglob("*.*"))[:5])
            raise FormatError(f"{archive}: no {name} in it; it has {others}")
        return Path(shutil.copyfile(found[0], beside.with_name(name)))


def _checked(path: Path, origin: str, sha256: str | None) -> Download:
    digest = sha256_of(path)
    if sha256 is not None and digest != sha256.lower():
        raise DownloadError(
            f"{path}: sha256 must be {sha256}; got {digest}; remove the file or correct `sha256`"
        )
    return Download(path, digest, origin)
