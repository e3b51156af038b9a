"""Jinja templates of the page and the formats of its numbers."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Section:
    """A section of the page; links lead to its anchor."""

    anchor: str
    title: str
    body: Markup


def render(template: str, **context: object) -> Markup:
    """Render a template of the page's folder; an undefined name in it raises an error."""
    return Markup(_ENVIRONMENT.get_template(template).render(context))


def read_style() -> str:
    """Read the style sheet, for the head of a page."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8")


def percent(fraction: float, digits: int = 1) -> str:
    """Format a fraction as a percentage: 0.0512 as 5.1 %."""
    return f"{100 * fraction:.{digits}f}\N{NO-BREAK SPACE}%"


def pixel_error(metric: str, value: float) -> str:
    """Format an error whose name ends in _px: mae_px as MAE 3.1 px."""
    name = metric.removesuffix("_px").upper()
    return f"{name} {value:.1f} px".replace(" ", "\N{NO-BREAK SPACE}")


def scientific(value: float) -> str:
    """Format a number with three significant digits: 0.00234 as 2.34 × 10⁻³, 0.5 as 0.5."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.2e}".split("e")
    if -2 < int(exponent) < 4:
        return f"{value:.3g}"
    superscript = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10{superscript}"


def duration(seconds: float) -> str:
    """Format a duration: 5.2 s, 3 min 20 s or 1 h 35 min."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes >= 90:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def thousands(count: int) -> str:
    """Format a count with separators: 12345 as 12,345."""
    return f"{count:,}"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {f.__name__: f for f in (duration, percent, scientific, thousands)}
