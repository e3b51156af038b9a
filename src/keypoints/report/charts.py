"""Charts as inline SVG, in colours that follow the page's light and dark theme."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keypoints.core.landmarks import Scheme
from keypoints.core.types import Array

# Placeholder colours in Matplotlib's output, which `_svg` replaces by variables of the style sheet.
SERIES = tuple(f"#5e0{number}ed" for number in range(1, 7))
_INK, _FAINT = "#1abe15", "#9121d5"
_VARIABLES = {
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)},
    _INK: "var(--ink-soft)",
    _FAINT: "var(--line)",
}
_STYLES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), "-", (0, (5, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P")
# Pale to red, without the ends that are invisible on a light or a dark page.
_SHADES = ListedColormap(mpl.colormaps["YlOrRd"](np.linspace(0.15, 0.8, 256)))
_OPTIONS: Any = {"svg.fonttype": "none", "svg.hashsalt": "page", "font.size": 9.5}


@dataclass(frozen=True)
class Series:
    """Data of a line, or of a group of points."""

    label: str
    x: Array
    y: Array


def line_chart(
    lines: Sequence[Series], *, alt: str, x_label: str, y_label: str, top: float | None = None
) -> Markup:
    """Line chart with an axis from zero; lines differ in colour and dashes."""
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure()
        for line, colour, style in zip(lines, SERIES, _STYLES, strict=False):
            axes.plot(
                line.x, line.y, color=colour, linestyle=style, linewidth=1.8, label=line.label
            )
        axes.set_ylim(0, top)
        if np.issubdtype(np.asarray(lines[0].x).dtype, np.integer):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _label(axes, x_label, y_label)
        _legend(axes)
        return _svg(figure, alt)


def scatter_chart(groups: Sequence[Series], *, alt: str, x_label: str, y_label: str) -> Markup:
    """Scatter chart with one least-squares line; groups differ in colour and marker."""
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure()
        for group, colour, marker in zip(groups, SERIES, _MARKERS, strict=False):
            axes.scatter(group.x, group.y, s=22, c=colour, marker=marker, label=group.label)
        x, y = (np.concatenate([getattr(group, side) for group in groups]) for side in "xy")
        if len(x) > 2 and np.ptp(x) > 0:
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, np.polyval(np.polyfit(x, y, 1), ends), color=_INK, linewidth=1)
        axes.set_ylim(0, None)
        _label(axes, x_label, y_label)
        if len(groups) > 1:
            _legend(axes)
        return _svg(figure, alt)


def bar_chart(labels: Sequence[str], values: Sequence[float], *, alt: str, x_label: str) -> Markup:
    """Horizontal bars, each with its value at its end."""
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure(height=0.55 + 0.32 * len(labels))
        bars = axes.barh(list(labels), values, color=SERIES[0], height=0.62)
        axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=4, color=_INK)
        axes.invert_yaxis()
        axes.set_xlim(0, max(values) * 1.15)
        axes.grid(visible=False, axis="y")
        _label(axes, x_label, "")
        return _svg(figure, alt)


def mean_face_chart(mean_shape: Array, percent: Array, scheme: Scheme, *, alt: str) -> Markup:
    """The mean face with a dot per point; size and shade show the point's error.

    Args:
        mean_shape: Mean landmarks, (n_points, 2), y downwards.
        percent: Error of each point in percent of the inter-ocular distance, (n_points,).
        scheme: Landmark scheme with the contours to plot.
        alt: Alternative text.
    """
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure(height=4.2)
        for contour in scheme.contours:
            points = [*contour.points, contour.points[0]] if contour.closed else contour.points
            axes.plot(*mean_shape[list(points)].T, color=_FAINT, linewidth=1, zorder=1)
        dots = axes.scatter(
            mean_shape[:, 0],
            mean_shape[:, 1],
            s=12 + 60 * percent / percent.max(),
            c=percent,
            cmap=_SHADES,
            edgecolors=_INK,
            linewidths=0.6,
            zorder=2,
        )
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.axis("off")
        bar = figure.colorbar(dots, ax=axes, shrink=0.7, pad=0.02)
        bar.set_label("error, % of the inter-ocular distance", color=_INK)
        bar.ax.tick_params(colors=_INK, length=0)
        bar.outline.set_visible(False)
        return _svg(figure, alt)


def _figure(width: float = 4.8, height: float = 3.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.grid(color=_FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def _label(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set_xlabel(x_label, color=_INK)
    axes.set_ylabel(y_label, color=_INK)


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, labelcolor=_INK, fontsize=9)


def _svg(figure: Figure, alt: str) -> Markup:
    """Convert the figure to SVG without dates, and without ids that are not referenced."""
    file = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=no_metadata, transparent=True)
    text = file.getvalue()
    inner = text[text.index(">", text.index("<svg")) + 1 :]
    referenced = set(re.findall(r"#([\w-]+)[\")]", inner))
    inner = re.sub(r' id="([\w-]+)"', lambda m: m[0] if m[1] in referenced else "", inner)
    inner = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", inner).replace("xlink:href", "href")
    for colour, variable in _VARIABLES.items():
        inner = inner.replace(colour, variable)
    width, height = figure.get_size_inches() * 72
    return Markup(
        f'<svg class="chart" role="img" aria-label="{escape(alt)}" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}">{inner}'
    )
