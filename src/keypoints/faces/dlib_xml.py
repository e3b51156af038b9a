"""XML lists of photos in the format of dlib's imglab, read entry by entry from untrusted files.

Memory stays flat and no other file or address is opened, whatever a list contains.
"""

from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element, ParseError, SubElement, XMLParser

from keypoints.core.tables import text_encoding
from keypoints.faces.face import FormatError

_MAX_BLANKS = 100  # bytes at the start of a list
MAX_ENTRY_BYTES = 1 << 20  # between the ends of two entries; a face of 68 points has 3,000


def iter_images(path: Path) -> Iterator[Element]:
    """Iterate over the `image` elements of a list, with their children but without text.

    FormatError if the list is not well-formed, has a document type, or has a very long entry.
    """
    builder = _ImageBuilder(path)
    n_bytes = 0  # since the last entry
    try:
        encoding = text_encoding(path, "").removesuffix(
            "-sig"
        )  # a byte order mark takes precedence
        parser = XMLParser(target=builder, encoding=encoding or None)
        with path.open("rb") as file:
            file.seek(_count_blanks(file.read(_MAX_BLANKS)))
            while data := file.read(1 << 16):
                parser.feed(data)
                images, builder.images = builder.images, []
                yield from images
                n_bytes = 0 if images else n_bytes + len(data)
                if n_bytes > MAX_ENTRY_BYTES:
                    raise FormatError(
                        f"{path}: {n_bytes:,} bytes without the end of an image's entry; at most "
                        f"{MAX_ENTRY_BYTES:,} are allowed"
                    )
        parser.close()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error
    except (ParseError, LookupError, ValueError) as error:
        raise FormatError(f"{path}: not well-formed XML: {error}") from error


def _count_blanks(start: bytes) -> int:
    """Number of blanks and line ends before the XML declaration, which are an error in XML."""
    return len(start) - len(start.lstrip())


def photo_name(image: Element) -> str:
    """Path of an image's file without its extension, with slashes."""
    path = PureWindowsPath(image.get("file", ""))
    return (path.with_suffix("") if path.name else path).as_posix()


def used_boxes(image: Element) -> list[Element]:
    """Boxes of an image, except those that are marked as ones to ignore."""
    return [
        box
        for box in image.findall("box")
        if box.get("ignore", "").strip().lower() not in ("1", "true")
    ]


class _ImageBuilder:
    """Target of an XML parser that builds the `image` elements and drops everything else.

    `ElementTree.iterparse` accepts no custom target, and therefore cannot refuse document
    types. Their entities could expand to a hundred times the size of the file.
    """

    def __init__(self, path: Path) -> None:
        self.images: list[Element] = []
        self._path = path
        self._open: list[Element] = []  # the current image and its open children

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._open:
            self._open.append(SubElement(self._open[-1], tag, attributes))
        elif tag == "image":
            self._open.append(Element(tag, attributes))

    def end(self, tag: str) -> None:
        if self._open:
            element = self._open.pop()
            if not self._open:
                self.images.append(element)

    def doctype(self, name: str, *identifiers: str | None) -> None:
        raise FormatError(f"{self._path}: a document type ({name}) is not allowed in a list")

    def close(self) -> None: ...
