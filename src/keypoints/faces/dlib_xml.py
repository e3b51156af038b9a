"""dlib's XML lists of photos, entry by entry, from files that nobody vouches for.

Nothing outside of an entry is kept, more than an entry can hold is refused, and so is a document
type, which would declare entities: memory stays flat and no other file or address is opened,
whatever a list says.

Source: dlib's imglab.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.parsers import expat

from keypoints.faces.face import FormatError

MAX_ENTRY_BYTES = 1 << 20  # from one entry to the next; a face of 68 points takes 3,000
_READ_BYTES = 1 << 16


def iter_images(path: Path) -> Iterator[Element]:
    """The `image` elements of a list, each with what is in it, but without text.

    Raises:
        FormatError: If the file cannot be read, is not well-formed, has a document type, or more
            than MAX_ENTRY_BYTES lie between two entries.
    """
    entries = _Entries(path)
    n_bytes = 0  # since the last entry
    for data in _pieces(path):
        found = entries.read(data)
        yield from found
        n_bytes = 0 if found else n_bytes + len(data)
        if n_bytes > MAX_ENTRY_BYTES:
            raise FormatError(
                f"{path}: {n_bytes:,} bytes without an end of an image's entry, which has "
                f"{MAX_ENTRY_BYTES:,} at most"
            )


def _pieces(path: Path) -> Iterator[bytes]:
    """The file's content, piece by piece, and nothing at its end."""
    try:
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                yield data
        yield b""
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error


class _Entries:
    """A parser that gives the entries which end in each piece of a list."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[Element] = []  # an image that has not ended, and what is open in it
        self._ended: list[Element] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse

    def read(self, data: bytes) -> list[Element]:
        """Read on; nothing says that this is the end."""
        try:
            self._parser.Parse(data, not data)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise FormatError(f"{self._path}: not well-formed XML: {error}") from error
        ended, self._ended = self._ended, []
        return ended

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._open and tag != "image":
            return
        element = Element(tag, attributes)
        if self._open:
            self._open[-1].append(element)
        self._open.append(element)

    def _end(self, tag: str) -> None:
        if self._open:
            element = self._open.pop()
            if not self._open:
                self._ended.append(element)

    def _refuse(self, name: str, *identifiers: object) -> None:
        raise FormatError(f"{self._path}: a document type ({name}), which no list of photos needs")
