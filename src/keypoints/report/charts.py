"""Charts as inline SVG, in colours that follow the page's light and dark theme."""

import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Matplotlib reads these when it is imported. A user's own style would change the page.
os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}

# isort: split
import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from keypoints.core.landmarks import Contour
from keypoints.core.types import Array

mpl.rcdefaults()  # a file in the current folder precedes the variable

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
_OPTIONS: Any = {"svg.fonttype": "none", "svg.hashsalt": "page", "font.size": 10.5}


@dataclass(frozen=True, eq=False)
class Series:
    """Data of a line, or of a group of points."""

    label: str
    x: Array
    y: Array


def line_chart(
    lines: Sequence[Series],
    *,
    alt: str,
    x_label: str,
    y_label: str,
    top: float | None = None,
    log: bool = False,
) -> Markup:
    """Line chart with a vertical axis from zero or, if `log`, a logarithmic one.

    Lines differ in colour and dashes; a single value is a dot.
    """
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure(x_label, y_label)
        for line, colour, style in zip(lines, SERIES, _STYLES, strict=False):
            marker = "o" if len(line.x) == 1 else None
            axes.plot(line.x, line.y, c=colour, ls=style, lw=1.8, marker=marker, label=line.label)
        if log:
            _set_log_axis(axes)
        else:
            axes.set_ylim(0, top)
        if np.issubdtype(lines[0].x.dtype, np.integer):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
            axes.margins(x=0.02)
        axes.legend(frameon=False, labelcolor=_INK, fontsize=9)
        return _svg(figure, alt)


def scatter_chart(groups: Sequence[Series], *, alt: str, x_label: str, y_label: str) -> Markup:
    """Scatter chart with one least-squares line; groups differ in colour and marker."""
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure(x_label, y_label)
        for group, colour, marker in zip(groups, SERIES, _MARKERS, strict=False):
            axes.scatter(group.x, group.y, s=22, c=colour, marker=marker, label=group.label)
        x, y = (np.concatenate([getattr(group, side) for group in groups]) for side in "xy")
        if len(x) > 2 and np.ptp(x) > 0:
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, np.polyval(np.polyfit(x, y, 1), ends), color=_INK, linewidth=1)
        axes.set_ylim(0, None)
        if len(groups) > 1:
            axes.legend(frameon=False, labelcolor=_INK, fontsize=9)
        return _svg(figure, alt)


def dot_chart(nme: Mapping[str, Array], *, baseline: float | None = None) -> Markup:
    """A row of dots per group: a dot for the NME of each face, and a line at their mean.

    The mean NME of a baseline is a dashed line through all rows.
    """
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure("NME, %", height=0.6 + 0.3 * len(nme))
        for row, values in enumerate(nme.values()):
            y = np.full(len(values), row)
            axes.scatter(100 * values, y, s=26, c=SERIES[0], alpha=0.55, linewidths=0)
            axes.plot([100 * values.mean()] * 2, [row - 0.3, row + 0.3], c=_INK, lw=1.6)
        if baseline is not None:
            axes.axvline(100 * baseline, c=_INK, lw=1.2, ls=_STYLES[1])
        axes.set_yticks(range(len(nme)), list(nme))
        axes.set_ylim(len(nme) - 0.5, -0.5)
        axes.set_xlim(0, None)
        axes.grid(visible=False, axis="y")
        means = ", ".join(f"{label} {100 * values.mean():.1f} %" for label, values in nme.items())
        return _svg(figure, f"Error of each validation face; means: {means}")


def bar_chart(nme: Mapping[str, float], *, title: str) -> Markup:
    """Horizontal bars of NMEs in percent, each with its value at its end."""
    with mpl.rc_context(_OPTIONS):
        percent = {label: 100 * fraction for label, fraction in nme.items()}
        figure, axes = _figure("NME, %", height=0.55 + 0.32 * len(nme))
        bars = axes.barh(list(percent), list(percent.values()), color=SERIES[0], height=0.62)
        axes.bar_label(bars, fmt="%.1f", padding=4, color=_INK)
        axes.invert_yaxis()
        axes.set_xlim(0, max(percent.values()) * 1.15)
        axes.grid(visible=False, axis="y")
        values = ", ".join(f"{label} {value:.1f} %" for label, value in percent.items())
        return _svg(figure, f"{title}: {values}")


def mean_face_chart(
    mean_shape: Array, percent: Array, contours: Sequence[Contour], *, alt: str, norm: str
) -> Markup:
    """The mean face, (n_points, 2) with y downwards, with the errors of its points.

    The size and the shade of each dot show the error in percent of the distance named `norm`.
    """
    with mpl.rc_context(_OPTIONS):
        figure, axes = _figure(height=3.6)
        for contour in contours:
            points = [*contour.points, contour.points[0]] if contour.closed else contour.points
            axes.plot(*mean_shape[list(points)].T, color=_FAINT, linewidth=1, zorder=1)
        (x, y), sizes = mean_shape.T, 12 + 60 * percent / percent.max()
        dots = axes.scatter(x, y, sizes, percent, cmap=_SHADES, edgecolors=_INK, lw=0.6, zorder=2)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.axis("off")
        bar = figure.colorbar(dots, ax=axes, shrink=0.7, pad=0.02)
        bar.set_label(f"error, % of the {norm}", color=_INK)
        bar.ax.tick_params(colors=_INK, length=0)
        bar.outline.set_visible(False)
        return _svg(figure, alt)


def _set_log_axis(axes: Axes) -> None:
    """Logarithmic vertical axis with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _figure(x_label: str = "", y_label: str = "", height: float = 2.7) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.4, height), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.grid(color=_FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(x_label, color=_INK)
    axes.set_ylabel(y_label, color=_INK)
    return figure, axes


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
