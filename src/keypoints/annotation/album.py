"""An HTML page that shows all photos of a run, with uncertain faces marked."""

import base64
import html
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from keypoints.annotation.writers import text_output
from keypoints.core.errors import escape_controls

NAME = "album.html"
_THUMBNAIL = 360  # px, longer side
_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Faces</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; background: #f6f7f9; color: #1c2430 }
main { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin-top: 1rem }
figure { margin: 0; width: 360px; background: #fff; border: 3px solid #fff; border-radius: 6px;
  box-shadow: 0 1px 4px #0003 }
img { display: block; margin: auto; max-width: 100% }
figcaption { padding: .5rem .7rem; overflow-wrap: anywhere }
.uncertain { border-color: #ffb000 }
.uncertain figcaption::before { content: "uncertain"; float: right; background: #ffb000;
  border-radius: 4px; padding: 0 .4rem; margin-left: .5rem }
.failed { border-color: #d9dde3; color: #5a6472 }
#filter:checked ~ main figure:not(.uncertain) { display: none }
</style>
<h1>Faces</h1>
<input type="checkbox" id="filter"><label for="filter"> only photos with uncertain faces</label>
<main>
"""


@contextmanager
def open_album(folder: Path) -> Iterator["Album"]:
    """Open the page of a folder, which is complete when the context ends.

    Args:
        folder: Folder of the page and of the pictures that it links to.
    """
    with text_output(folder / NAME, end="</main>\n</html>\n") as file:
        file.write(_HEAD)
        yield Album(folder / NAME, file)


class Album:
    """Writes the page photo by photo, so that memory use stays constant.

    Args:
        path: The page.
        file: The page, opened.
    """

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self._file = path, file

    def add(
        self,
        name: str,
        text: str,
        picture: NDArray[np.uint8] | None,
        *,
        link: Path | None,
        is_uncertain: bool,
    ) -> None:
        """Add a photo.

        Args:
            name: Name of the photo.
            text: What was found.
            picture: RGB pixels, (height, width, 3), of which a thumbnail is shown.
            link: File in the folder that a click on the thumbnail opens.
            is_uncertain: Whether the photo has an uncertain face.
        """
        shown = "" if picture is None else _thumbnail(picture, text)
        if shown and link is not None:
            target = quote(os.fsencode(link.relative_to(self.path.parent)))
            shown = f'<a href="{target}">{shown}</a>'
        self._write_figure("uncertain" if is_uncertain else "certain", shown, name, text)

    def add_failure(self, message: str) -> None:
        """Add a file that could not be annotated."""
        self._write_figure("failed", "", "", message)

    def _write_figure(self, kind: str, shown: str, name: str, text: str) -> None:
        file = _escape(name.rpartition("/")[2])
        title = f'<strong title="{_escape(name)}">{file}</strong><br>' if name else ""
        caption = f"<figcaption>{title}{_escape(text)}</figcaption>"
        self._file.write(f'<figure class="{kind}">{shown}{caption}</figure>\n')


def _escape(text: str) -> str:
    return html.escape(escape_controls(text))


def _thumbnail(picture: NDArray[np.uint8], text: str) -> str:
    height, width = picture.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    file = io.BytesIO()
    Image.fromarray(small).save(file, "JPEG", quality=82)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return (
        f'<img src="data:image/jpeg;base64,{data}" width="{size[0]}" height="{size[1]}" '
        f'loading="lazy" alt="{_escape(text)}">'
    )
