"""Lists of photos and videos, as other programs write them."""

import codecs
import os
import re
from collections.abc import Iterator

from keypoints.core.errors import PipelineError
from keypoints.core.tables import DOS_END

_UTF16_LE = re.compile(rb"(?s:..)*?(?:[^\0]\0){3}")  # three ASCII characters, not names of one each


def parse_list(content: bytes) -> Iterator[str]:
    """Names in a list: separated by line ends or NULs, in the file system's encoding or UTF-16."""
    text = os.fsdecode(content.removeprefix(codecs.BOM_UTF8))
    has_bom = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if has_bom or (len(content) % 2 == 0 and _UTF16_LE.match(content)):
        try:
            text = content.decode("utf-16" if has_bom else "utf-16-le")
        except UnicodeDecodeError as error:
            raise PipelineError(f"standard input: not a list in UTF-16 ({error})") from error
    text = text.removesuffix(DOS_END)
    separator = next((end for end in "\0\n" if end in text), "\r")
    for name in text.split(separator):
        if name.strip():
            yield name.rstrip("\r")
