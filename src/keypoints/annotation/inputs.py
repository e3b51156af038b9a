"""Resolves command-line arguments (photos, folders, patterns, videos, a list) to images."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from glob import escape, glob
from itertools import chain, count
from pathlib import Path

import cv2

from keypoints.annotation.images import (
    DecodedImage,
    PhotoError,
    decode_image,
    describe,
    raise_error,
)
from keypoints.annotation.input_list import parse_list
from keypoints.annotation.media_types import MediaType, media_type
from keypoints.annotation.video_reader import count_frames, read_frames
from keypoints.core.errors import PipelineError
from keypoints.core.system_files import is_system_file

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
PHOTO_SUFFIXES = TIFF_SUFFIXES | {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".avif", ".avifs"),
    *(".heic", ".heics", ".heif", ".heifs", ".hif", ".gif", ".bmp", ".dib", ".jp2", ".j2k", ".jpx"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".psd", ".pcx", ".sgi", ".qoi"),
}
SYSTEM_KINDS = "system file", "system folder"  # that other systems add
_RECURSIVE = re.compile(r"(?:^|(?<=/))\*\*(?:/+|$)")  # part of a pattern
_MAX_STEM = 200  # bytes; file systems allow 255, of which the outputs' suffixes need some


@dataclass(frozen=True)
class InputImage:
    """A photo, or one frame of a video.

    Attributes:
        path: The photo or video file.
        name: Name in messages and annotations: the path, and the frame number of a video.
        stem: Stem of the image's output files, unique in a run.
        read: Returns the decoded image, or raises PhotoError.
        fps: Annotated frames per second of the video; 0: a photo.
        seconds: Time of a frame in its video.
    """

    path: Path
    name: str
    stem: str
    read: Callable[[], DecodedImage]
    fps: float = 0.0
    seconds: float = 0.0

    @property
    def video(self) -> Path | None:
        """Stem of the video's output files; None: a photo."""
        return Path(self.stem).parent if self.fps else None


@dataclass(frozen=True)
class InputFiles:
    """Files to read, and the numbers of videos, folders and other files that were left out."""

    paths: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def list_photos(folder: Path) -> InputFiles:
    """Photos of a folder, by their suffixes or contents; the rest is left out and counted.

    Raises:
        OSError: If the folder cannot be read.
    """
    files = InputFiles()
    for path in sorted(folder.iterdir()):
        kind = _kind_in_folder(path)
        if kind == "photo":
            files.paths.append(path)
        else:
            files.left_out[kind] += 1
    return files


def find_files(arguments: Iterable[str], output: Path | None = None) -> InputFiles:
    """Resolve arguments: each is a file, a folder of photos, a pattern, or `-` for standard input.

    A path that does not exist, and a folder without photos, are included: reading them raises an
    error that names them.

    Args:
        arguments: The arguments.
        output: Folder of all outputs; what a pattern matches or a list names in it, or in folders
            of other systems, is left out and counted, unless there is nothing else.

    Raises:
        PipelineError: If the list on standard input is empty or not text.
    """
    files = InputFiles()
    for argument in arguments:
        found = _read_list(output) if argument == "-" else _resolve(argument, output)
        files.paths.extend(found.paths or [Path(argument)])
        files.left_out.update(found.left_out)
    return files


def _resolve(name: str, output: Path | None) -> InputFiles:
    path = Path(name)
    try:
        if is_folder(path):
            return list_photos(path)
        if path.exists():
            return InputFiles([path])
        return _leave_out(_match(name), output)
    except OSError:  # a folder without permission, or a name that is too long
        return InputFiles()


def _leave_out(paths: list[Path], output: Path | None) -> InputFiles:
    """Leave out files of other systems, and of the output folder, such as those of an earlier run.

    If there are no others, the pattern or the list means these files.
    """
    files = InputFiles()
    for path in paths:
        if output and is_in_folder(path, output):
            files.left_out["output file"] += 1
        elif is_system_file(path):
            files.left_out[SYSTEM_KINDS[0]] += 1
        else:
            files.paths.append(path)
    return files if files.paths else InputFiles(paths)


def is_in_folder(path: Path, folder: Path) -> bool:
    """Whether a file is in a folder, or in one below it, wherever links lead."""
    try:
        return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents
    except (OSError, ValueError):  # a name that no file can have
        return False


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; a name that no file can have is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _read_list(output: Path | None) -> InputFiles:
    """Resolve the names in the list on standard input."""
    names = list(parse_list(sys.stdin.buffer.read()))
    if not names:
        raise PipelineError("standard input: an empty list; write a name of a photo in each line")
    found = [_resolve_line(name, output) for name in names]
    files = _leave_out([path for one in found for path in one.paths], output)
    for one in found:
        files.left_out.update(one.left_out)
    return files


def _resolve_line(line: str, output: Path | None) -> InputFiles:
    """Resolve a name in a list, without its trailing blanks if only then there are files."""
    for name in (line, line.rstrip()):
        if (found := _resolve(name, output)).paths:
            return found
    return InputFiles([Path(line)], found.left_out)


def _kind_in_folder(path: Path) -> str:
    """One of photo, video, folder and other file, or a file or folder of another system."""
    if is_system_file(Path(path.name)):
        return SYSTEM_KINDS[path.is_dir()]
    if path.is_dir():
        return "folder"
    is_broken_link = path.is_symlink() and not path.exists()
    if path.name.startswith(".") or not (path.is_file() or is_broken_link):
        return "other file"
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return "photo"  # reading a broken link names it
    try:
        type_ = media_type(path)
    except OSError:
        return "other file"
    if type_ is MediaType.VIDEO:
        return "video"
    # TIFF files with other suffixes are raw files of cameras, of which Pillow reads the thumbnail.
    is_photo = type_ in (MediaType.PHOTO, MediaType.HEIF)
    return "photo" if is_photo else "other file"


def _match(pattern: str) -> list[Path]:
    """The files that match a pattern, each once even if several linked folders lead to it.

    Folders that cannot be read are included.
    """
    found = sorted(map(Path, _expand(pattern)), key=lambda path: len(str(path)))
    paths = [path for path in found if not is_folder(path) or not _is_readable(path)]
    return sorted({_without_linked_folders(path): path for path in reversed(paths)}.values())


def _without_linked_folders(path: Path) -> Path:
    """The path with the real folder; a link to a file stays, as in a folder."""
    return Path(os.path.realpath(path.parent), path.name)


def _expand(pattern: str) -> Iterator[str]:
    """Paths that match a pattern; `glob` would never end in folders with links to themselves."""
    recursive = _RECURSIVE.search(pattern)
    if recursive is None:
        yield from glob(pattern)  # noqa: PTH207, a pattern may start at the root
        return
    head, tail = pattern[: recursive.start()], pattern[recursive.end() :]
    for start in glob(head) if head else ["."]:  # noqa: PTH207
        for folder in _folders(Path(start)):
            yield from _expand(f"{escape(str(folder))}/{tail or '*'}")
            if not _is_readable(folder):
                yield str(folder)


def _folders(start: Path) -> Iterator[Path]:
    """A folder and all below it, each once, without hidden ones and with linked ones last."""
    seen: set[str] = set()
    own, linked = [start], list[Path]()
    while own or linked:
        folder = own.pop() if own else linked.pop()
        if (real := os.path.realpath(folder)) not in seen:
            seen.add(real)
            yield folder
            inner = filter(is_folder, folder.iterdir()) if _is_readable(folder) else ()
            for one in inner:
                if not one.name.startswith("."):
                    (linked if one.is_symlink() else own).append(one)


def _is_readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def iter_images(files: Iterable[Path], *, every: int) -> Iterator[InputImage]:
    """Iterate over photos and every Nth frame of videos, decoding a video only as far as needed."""
    stems: set[str] = set()
    for path in files:
        stem = _unique_stem(path.stem, stems)
        try:
            is_video = media_type(path) is MediaType.VIDEO
        except (OSError, ValueError):
            is_video = False  # decode_image names the reason
        if is_video:
            yield from _iter_frames(path, stem, every)
        else:
            yield InputImage(path, str(path), stem, partial(decode_image, path))


def count_images(files: Iterable[Path], *, every: int) -> int:
    """Number of photos and annotated frames, as far as the headers of videos show it."""
    total = 0
    for path in files:
        try:
            is_video = media_type(path) is MediaType.VIDEO
        except (OSError, ValueError):
            is_video = False
        total += max(1, -(-count_frames(path) // every)) if is_video else 1
    return total


def _unique_stem(stem: str, stems: set[str]) -> str:
    """A stem that no other file of the run has, whatever the file system does with capitals."""
    if stem in (".", ".."):  # of ..mp4 and ...mp4: outputs would leave their folder
        stem = "_"
    if len(os.fsencode(stem)) > _MAX_STEM:
        stem = os.fsencode(stem)[:_MAX_STEM].decode(errors="ignore")
    numbered = (f"{stem}-{number}" for number in count(2))
    unique = next(name for name in chain([stem], numbered) if name.casefold() not in stems)
    stems.add(unique.casefold())
    return unique


def _iter_frames(path: Path, stem: str, every: int) -> Iterator[InputImage]:
    try:
        for frame in read_frames(path, every):
            name = str(path) if frame.number is None else f"{path}#{frame.number}"
            frame_stem = f"{stem}/{frame.number or 0:06d}"
            yield InputImage(path, name, frame_stem, frame.read, frame.fps, frame.seconds)
    except (OSError, cv2.error) as error:
        problem = PhotoError(f"{path}: cannot be read ({describe(error)})")
        yield InputImage(path, str(path), stem, partial(raise_error, problem))
