"""Structure of video files: whether a file ends before its contents do, and how it counts frames.

Sources: RIFF (Microsoft, 1991), ISO/IEC 14496-12, EBML (RFC 8794), Matroska (RFC 9559), Advanced
Systems Format (Microsoft, 2004) and ISO/IEC 13818-1.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1aE\xdf\xa3", b"\x18\x53\x80\x67"
_MAX_BOXES = 10_000  # of a damaged file
_ROUNDING = 0.005  # s
_HEADER = 2**16  # bytes that contain the headers of all tracks
_TRACKS = {  # start of a container: marks of a track of sound and of one of pictures
    b"RIFF": (re.compile(b"auds"), re.compile(b"vids")),
    _EBML: (re.compile(b"\x83\x81\x02"), re.compile(b"\x83\x81\x01")),
    b"\x30\x26\xb2\x75": (  # Windows Media: type of a stream
        re.compile(rb"\x40\x9e\x69\xf8\x4d\x5b\xcf\x11"),
        re.compile(rb"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11"),
    ),
    b"\0\0\x01\xba": (re.compile(b"\0\0\x01[\xc0-\xdf]"), re.compile(b"\0\0\x01[\xe0-\xef]")),
}

Span = tuple[int, int]  # start and end of a part of a file


def is_cut_short(path: Path) -> bool:
    """Whether a part of an AVI, MP4, QuickTime or Matroska file is longer than the file."""
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] == b"RIFF":
            return 8 + int.from_bytes(head[4:], "little") > n_bytes
        if head[:4] == _EBML:
            return _segment_end(file) > n_bytes
        if head[4:].isalpha():
            return any(end > n_bytes for _, (_, end) in _boxes(file, (0, n_bytes)))
    return False


def has_index(path: Path) -> bool:
    """Whether an MP4 file contains the whole index of its frames, which is written last."""
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        return any(
            type_ == b"moov" and end <= n_bytes for type_, (_, end) in _boxes(file, (0, n_bytes))
        )


def n_frames_is_exact(path: Path) -> bool:
    """Whether the header contains the exact number of frames that a player would show.

    It does in an AVI file, and in an MP4 or QuickTime file unless an edit list hides some of the
    frames, or fragments contain them. In fragmented files and other containers, OpenCV derives the
    number from the duration, which includes that of the sound.
    """
    with path.open("rb") as file:
        head = file.read(8)
        if head[4:].isalpha() and head[:4] != b"RIFF":
            whole = 0, path.stat().st_size
            is_fragmented = next(_contents(file, whole, b"moov", b"mvex"), None) is not None
            return not is_fragmented and not _hides_frames(file, whole)
    return head[:4] == b"RIFF"


def may_have_audio(path: Path) -> bool:
    """Whether an AVI, MP4 or QuickTime file has a track of sound; True for other containers."""
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] == b"RIFF":
            return b"auds" in file.read(_HEADER)
        return not head[4:].isalpha() or b"soun" in _track_types(file, path.stat().st_size)


def is_audio_only(path: Path) -> bool:
    """Whether a file has a track of sound and none of pictures."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
        if marks := _TRACKS.get(head[:4]):
            sound, pictures = marks
            return sound.search(head) is not None and pictures.search(head) is None
        if not head[4:8].isalpha():
            return False
        types = _track_types(file, path.stat().st_size)
        return b"soun" in types and b"vide" not in types


def _track_types(file: BinaryIO, n_bytes: int) -> set[bytes]:
    """Types of the tracks of an MP4 or QuickTime file, such as `vide` and `soun`."""
    handlers = _contents(file, (0, n_bytes), b"moov", b"trak", b"mdia", b"hdlr")
    return {handler[8:12] for handler in handlers}


def _segment_end(file: BinaryIO) -> int:
    """End of the segment of a Matroska file; 0 if its size is unknown."""
    file.seek(4)
    file.seek(_read_ebml_size(file) or 0, 1)
    if file.read(4) != _SEGMENT:
        return 0
    size = _read_ebml_size(file)
    return 0 if size is None else file.tell() + size


def _read_ebml_size(file: BinaryIO) -> int | None:
    """Read a size of 1 to 8 bytes, whose number the first byte's leading zeros contain."""
    first = int.from_bytes(file.read(1))
    n_more = 8 - first.bit_length()
    if n_more == 8:
        return None
    value = (first - (1 << first.bit_length() - 1) << 8 * n_more) + int.from_bytes(
        file.read(n_more)
    )
    return None if value == (1 << 7 * (n_more + 1)) - 1 else value


def _boxes(file: BinaryIO, span: Span) -> Iterator[tuple[bytes, Span]]:
    """Types and contents of the boxes in a part of an ISO base media file."""
    start, end = span
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        size, n_head = int.from_bytes(head[:4]), 8
        if size == 1:
            size, n_head = int.from_bytes(head[8:]), 16
        elif size == 0:
            size = end - start
        if size < n_head:
            return
        yield head[4:8], (start + n_head, start + size)
        start += size


def _contents(file: BinaryIO, span: Span, *types: bytes) -> Iterator[bytes]:
    """First bytes of the contents of all boxes that a path of types leads to."""
    for type_, inner in _boxes(file, span):
        if type_ == types[0]:
            if len(types) > 1:
                yield from _contents(file, inner, *types[1:])
            else:
                file.seek(inner[0])
                yield file.read(min(inner[1] - inner[0], 4096))


def _hides_frames(file: BinaryIO, span: Span) -> bool:
    """Whether the edit list of the first video track is shorter than the track."""
    movie = next(_contents(file, span, b"moov", b"mvhd"), b"")
    tracks = [inner for type_, inner in _boxes(file, span) if type_ == b"moov"]
    tracks = [inner for moov in tracks for type_, inner in _boxes(file, moov) if type_ == b"trak"]
    for track in tracks:
        if next(_contents(file, track, b"mdia", b"hdlr"), b"")[8:12] == b"vide":
            edits = next(_contents(file, track, b"edts", b"elst"), None)
            media = next(_contents(file, track, b"mdia", b"mdhd"), b"")
            return edits is not None and _edited_seconds(edits, movie) < _seconds(media) - _ROUNDING
    return True


def _times(header: bytes) -> tuple[int, int]:
    """Ticks per second and ticks in all, of a movie's or track's header."""
    at, size = (20, 8) if header[:1] == b"\1" else (12, 4)
    return int.from_bytes(header[at : at + 4]), int.from_bytes(header[at + 4 : at + 4 + size])


def _seconds(header: bytes) -> float:
    per_second, ticks = _times(header)
    return ticks / max(1, per_second)


def _edited_seconds(edits: bytes, movie: bytes) -> float:
    """Seconds that an edit list shows of its track; an edit at -1 shows nothing."""
    size = 8 if edits[:1] == b"\1" else 4
    entries = range(8, 8 + int.from_bytes(edits[4:8]) * (2 * size + 4), 2 * size + 4)
    ticks = 0
    for at in entries[:300]:
        duration, start = edits[at : at + size], edits[at + size : at + 2 * size]
        if int.from_bytes(start, signed=True) >= 0:
            ticks += int.from_bytes(duration)
    return ticks / max(1, _times(movie)[0])
