"""Build a page that finds faces' points in the visitor's browser: `python src/demo.py [MODEL]`.

For example:
  python src/demo.py                                # -> demo/, with the network of annotate.py
  python src/demo.py resnet18 --out site
  python -m http.server --directory demo            # shows it at http://localhost:8000
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from keypoints.annotation.default_model import model_file
from keypoints.core.cli import exit_on_error
from keypoints.export.web import build_demo
from keypoints.models.predict import load_model

DOWNLOADS = Path(".downloads")


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the demo; exit 1 with a message where a user can mend something."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("model", metavar="MODEL", nargs="?", help="of models/, or a file")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("demo"))
    given = parser.parse_args(arguments)
    with exit_on_error():
        build_demo(given.out, load_model(model_file(given.model)), downloads=DOWNLOADS)
    print(f"{given.out}: `python -m http.server --directory {given.out}` serves it")


if __name__ == "__main__":
    main()
