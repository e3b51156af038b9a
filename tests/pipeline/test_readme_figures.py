"""The README's sheets of rendered faces."""

import gallery
import numpy as np


def test_the_wild_sheet_has_a_marked_tile_per_face():
    sheet = gallery.wild_sheet(columns=3, rows=1)
    assert sheet.shape == (200, 600, 3)
    for tile in np.split(sheet, 3, axis=1):
        assert (tile == gallery.DOT).all(axis=2).any()


def test_the_markup_sheet_has_a_row_per_markup_and_the_same_heads_in_both(monkeypatch):
    monkeypatch.setattr(gallery, "YAWS", (0, 60))
    upper, lower = np.split(gallery.markup_sheet().astype(int), 2)
    assert upper.shape == (360, 720, 3)
    differs = (upper != lower).any(axis=2)
    assert 0 < differs.mean() < 0.1  # the points, and nothing else
