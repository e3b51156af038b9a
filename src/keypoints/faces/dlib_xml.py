"""dlib's XML lists of photos, read entry by entry from untrusted files.

Memory stays flat and no other file or address is opened, whatever a list contains: only the current
entry is kept, entries are bounded, and document types, which declare entities, are refused.

Source: dlib's imglab.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, XMLParser

from keypoints.faces.face import FormatError

MAX_ENTRY_BYTES = 1 << 20  # between the ends of two entries; a face of 68 points has 3,000
_READ_BYTES = 1 << 16


def iter_images(path: Path) -> Iterator[Element]:
    """Iterate over the `image` elements of a list, with their children but without text.

    Raises:
        FormatError: If the file cannot be read, is not well-formed, has a document type, or an
            entry has more than MAX_ENTRY_BYTES.
    """
    builder = _ImageBuilder(path)
    parser = XMLParser(target=builder)
    n_bytes = 0  # since the last entry
    try:
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                parser.feed(data)
                images, builder.images = builder.images, []
                yield from images
                n_bytes = 0 if images else n_bytes + len(data)
                if n_bytes > MAX_ENTRY_BYTES:
                    raise FormatError(
                        f"{path}: {n_bytes:,} bytes without an end of an image's entry, which has "
                        f"{MAX_ENTRY_BYTES:,} at most"
                    )
        parser.close()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error
    except (ParseError, LookupError, ValueError) as error:
        raise FormatError(f"{path}: not well-formed XML: {error}") from error


class _ImageBuilder:
    """Target of an XML parser that builds the `image` elements and drops everything else.

    `ElementTree.iterparse` accepts no target of its own, and therefore cannot refuse document
    types. Their entities could expand to a hundred times the size of the file.
    """

    def __init__(self, path: Path) -> None:
        self.images: list[Element] = []
        self._path = path
        self._open: list[Element] = []  # the current image and its open children

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._open and tag != "image":
            return
        element = Element(tag, attributes)
        if self._open:
            self._open[-1].append(element)
        self._open.append(element)

    def end(self, tag: str) -> None:
        if self._open:
            element = self._open.pop()
            if not self._open:
                self.images.append(element)

    def doctype(self, name: str, *identifiers: str | None) -> None:
        raise FormatError(f"{self._path}: a document type ({name}), which no list of photos needs")

    def close(self) -> None: ...
