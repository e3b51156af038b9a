"""Write the template of `dvc plots` with its scripts inlined: `python src/plots_template.py`.

DVC's own template loads Vega from the web, so its charts stay empty without it. vl-convert brings
the same scripts in its wheel. `make plots` writes the template and tells DVC of it.
"""

from pathlib import Path

import vl_convert

from keypoints.core.cli import run_stage

TEMPLATE = Path(".dvc/plots.html")
VEGA_LITE = "5.8"  # DVC's charts are written for Vega-Lite 5

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<title>DVC plots</title>
<style>
  body { margin: 2rem; font-family: system-ui, sans-serif; }
  table { border-spacing: 15px; }
  img { max-width: 100%; }
</style>
<script>
(function () {
SCRIPTS
})();
</script>
{refresh_tag}
</head>
<body>
{plot_divs}
</body>
</html>
"""


def plots_template() -> str:
    """The template; DVC fills what stands in braces and finds no place for its own scripts."""
    scripts = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
    return PAGE.replace("SCRIPTS", scripts)


def write_template() -> None:
    """Write it where `make plots` tells DVC of it."""
    TEMPLATE.write_text(plots_template(), encoding="utf-8")
    print(f"{TEMPLATE}: the charts of `dvc plots` now need no web")


if __name__ == "__main__":
    run_stage(write_template, __doc__)
