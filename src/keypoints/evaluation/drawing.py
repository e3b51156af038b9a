"""Pictures of faces with their points: what was annotated, what was predicted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

Array = NDArray[np.floating]

TARGET_COLOUR = "#2ca02c"
PREDICTED_COLOUR = "#d62728"


def face_sheet(
    path: Path,
    crops: Sequence[NDArray[np.uint8]],
    target_crop: Sequence[Array],
    predicted_crop: Sequence[Array],
    captions: Sequence[str],
    *,
    title: str,
    columns: int = 4,
) -> None:
    """Write a PNG of faces with annotated points in green and predicted ones in red.

    Args:
        path: Of the PNG.
        crops: One per face, (height, width, channels).
        target_crop: Annotated points in pixels of the crop, (n_points, 2), one per face.
        predicted_crop: The same, predicted.
        captions: One per face.
        title: Over the sheet.
        columns: Faces side by side.
    """
    height, width = crops[0].shape[:2]
    rows = -(-len(crops) // columns)
    figure = Figure(figsize=(3 * columns, 3 * rows * height / width + 0.5 * rows + 0.4), dpi=80)
    FigureCanvasAgg(figure)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for cell in cells:
        cell.axis("off")
    for cell, crop, annotated, guessed, caption in zip(
        cells, crops, target_crop, predicted_crop, captions, strict=False
    ):
        cell.imshow(crop.squeeze(), cmap="gray", vmin=0, vmax=255)
        size = 60 if len(annotated) == 1 else 8
        cell.scatter(*annotated.T, s=size, c=TARGET_COLOUR, marker="o", linewidths=0)
        cell.scatter(*guessed.T, s=size, c=PREDICTED_COLOUR, marker="x", linewidths=1)
        cell.set_title(caption, fontsize=8)
    figure.suptitle(f"{title}: annotated green, predicted red", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
