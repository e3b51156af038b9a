"""Write a template for `dvc plots` that contains its scripts: `python tools/dvc_plots_template.py`.

DVC's own template loads Vega from the web, so its charts are empty without a connection. The
vl-convert package contains the same scripts. `make plots` writes the template and configures DVC to
use it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import keypoints  # noqa: F401  names a wrong Python

# isort: split
import vl_convert

from keypoints.core.cli import exit_on_error

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
    """The template; DVC fills the placeholders in braces and has none for its own scripts."""
    scripts = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
    return PAGE.replace("SCRIPTS", scripts)


if __name__ == "__main__":
    with exit_on_error():
        TEMPLATE.write_text(plots_template(), encoding="utf-8")
        print(f"{TEMPLATE}: template for the charts of `dvc plots`, which need no web connection")
