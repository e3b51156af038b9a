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
    target: Sequence[Array],
    predicted: Sequence[Array],
    captions: Sequence[str],
    *,
    title: str,
    columns: int = 4,
) -> None:
    """Write a PNG of faces with annotated points in green and predicted ones in red.

    Args:
        path: Of the PNG.
        crops: One per face, (height, width, channels).
        target: landmarks_crop, (n_points, 2), one per face.
        predicted: The same, predicted.
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
    for cell, crop, true, guess, caption in zip(
        cells, crops, target, predicted, captions, strict=False
    ):
        cell.imshow(crop.squeeze(), cmap="gray", vmin=0, vmax=255)
        size = 60 if len(true) == 1 else 8
        cell.scatter(*true.T, s=size, c=TARGET_COLOUR, marker="o", linewidths=0)
        cell.scatter(*guess.T, s=size, c=PREDICTED_COLOUR, marker="x", linewidths=1)
        cell.set_title(caption, fontsize=8)
    figure.suptitle(f"{title}: annotated green, predicted red", fontsize=11)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
