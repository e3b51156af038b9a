"""The README's figures of rendered faces."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import readme_figures


def test_the_figure_of_faces_has_a_tile_with_landmarks_per_face():
    figure = readme_figures.faces_figure(columns=3, rows=1)
    assert figure.shape == (200, 600, 3)
    for tile in np.split(figure, 3, axis=1):
        assert (tile == readme_figures.POINT_COLOUR).all(axis=2).any()


def test_the_figure_of_landmarks_has_the_same_heads_in_the_row_of_each_scheme(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(readme_figures, "YAWS", (0, 60))
    upper, lower = np.split(readme_figures.landmarks_figure().astype(int), 2)
    assert upper.shape == (360, 720, 3)
    differs = (upper != lower).any(axis=2)
    assert 0 < differs.mean() < 0.1  # the landmarks and the labels
