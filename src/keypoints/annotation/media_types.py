"""Types of the user's files, from their first bytes: a name can have any suffix, or none."""

import errno
import os
import re
import stat
from enum import Enum
from mmap import ACCESS_READ, mmap
from pathlib import Path

from keypoints.annotation.video_container import is_audio_only

_HEAD = 4096  # bytes
_TS_PACKETS = (188, 192)  # sizes of the packets of an MPEG transport stream

# Brands of ISO base media files (`ftyp`) that contain pictures or sound instead of a video.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_PHOTO_MAGICS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"\0\0\0\x0cjP  ",  # JPEG 2000
    b"\xff\x4f\xff\x51",  # its bare codestream
    b"8BPS",
    b"qoif",
)
# Not those without a length, which may be between the pixels, except that of the end.
_JPEG_MARKER = re.compile(rb"\xff([^\0\x01\xd0-\xd8\xff])")
_JPEG_SIZE_MARKERS = [bytes([kind]) for kind in range(0xC0, 0xD0) if kind not in (0xC4, 0xC8, 0xCC)]
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_VIDEO_MAGICS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\0\0\x01\xba",  # MPEG program stream
    b"\0\0\x01\xb3",  # MPEG video
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    *(b"FLV\x01" + bytes([contents]) for contents in (0, 1, 5)),  # not 4, sound only
    b"OggS",
)
_OGG_AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")  # start of a stream
_QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


class MediaType(Enum):
    """What a file contains, as far as its first bytes show."""

    PHOTO = "photo"
    TIFF = "tiff"  # photos, and the raw files of many cameras
    HEIF = "heif"  # photos that Pillow reads with a plug-in only
    VIDEO = "video"
    UNKNOWN = "unknown"


def media_type(path: Path) -> MediaType:
    """Type of a file.

    Raises:
        OSError: If the file cannot be read, or is a pipe or a device, which reading might block.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError("not a regular file")
    with path.open("rb") as file:
        type_ = _media_type(file.read(_HEAD))
    is_audio = type_ is MediaType.VIDEO and is_audio_only(path)
    return MediaType.UNKNOWN if is_audio else type_


def is_jpeg_stream(path: Path) -> bool:
    """Whether a complete second JPEG of the same size follows the first one, as in Motion-JPEG."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        first = _read_jpeg(content, 0)
        second = _read_jpeg(content, first[0]) if first else None
    return first is not None and second is not None and first[1] == second[1]


def _read_jpeg(content: mmap, start: int) -> tuple[int, bytes] | None:
    """End of the JPEG at a position, and its height and width; None if there is no complete one.

    Source: ITU-T T.81, Annex B.
    """
    if content[start : start + 3] != b"\xff\xd8\xff":
        return None
    position, size = start + 2, b""
    while marker := _JPEG_MARKER.search(content, position):
        kind, position = marker[1], marker.end()
        if kind == b"\xd9":
            return position, size
        if kind in _JPEG_SIZE_MARKERS:
            size = content[position + 3 : position + 7]
        position += int.from_bytes(content[position : position + 2])
    return None


def _media_type(head: bytes) -> MediaType:
    if head[4:8] == b"ftyp":
        return _iso_media_type(head)
    if head[:4] == b"RIFF":
        kinds = {b"AVI ": MediaType.VIDEO, b"WEBP": MediaType.PHOTO}
        return kinds.get(head[8:12], MediaType.UNKNOWN)
    is_bitmap = head[:2] == b"BM" and head[6:10] == bytes(4)
    if (
        is_bitmap
        or head.startswith(_PHOTO_MAGICS)
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace())
    ):
        return MediaType.PHOTO
    if head.startswith(_TIFF_MAGICS):
        return MediaType.TIFF
    if head[:4] == b"OggS" and head[28:].startswith(_OGG_AUDIO) and b"\x80theora" not in head:
        return MediaType.UNKNOWN
    if (
        head.startswith(_VIDEO_MAGICS)
        or head[4:8] in _QUICKTIME_ATOMS
        or _is_transport_stream(head)
    ):
        return MediaType.VIDEO
    return MediaType.UNKNOWN


def _iso_media_type(head: bytes) -> MediaType:
    """Type of an ISO base media file, by its major brand and the compatible ones."""
    end = min(int.from_bytes(head[:4]), 256)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    if brands[0] in _AUDIO_BRANDS:
        return MediaType.UNKNOWN
    if brands[0] in _AVIF_BRANDS or (
        brands[0] in _HEIF_BRANDS and not _AVIF_BRANDS.isdisjoint(brands)
    ):
        return MediaType.PHOTO
    return MediaType.HEIF if brands[0] in _HEIF_BRANDS else MediaType.VIDEO


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > offset + 2 * size
        and all(head[offset + number * size] == 0x47 for number in range(3))
        for size in _TS_PACKETS
        for offset in (size - 188,)
    )
