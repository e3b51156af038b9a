"""Imports of the library's modules, read from their source."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"


def modules_used(script: Path) -> set[Path]:
    """All library modules that a script imports, directly or not; empty `__init__.py` left out."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        for module in direct_imports(waiting.pop()) - found:
            found.add(module)
            waiting.append(module)
    return {path for path in found if path.read_text().strip()}


def direct_imports(path: Path) -> set[Path]:
    """Library modules that a file imports, in functions too, with the packages around them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {file for name in names for file in _files(name)}


def libraries_used(path: Path) -> set[str]:
    """Top-level names of all packages that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


def package_of(module: Path) -> str:
    """The package of a library module; `.` for those directly in keypoints/."""
    return module.relative_to(SRC / "keypoints").parts[0] if module.parent != SRC else ""


def _files(name: str) -> list[Path]:
    """The module's file, and those of the packages around it, which run when it is imported."""
    if not name.startswith("keypoints"):
        return []
    base = SRC / name.replace(".", "/")
    own = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
    parents = name.split(".")[:-1]
    around = [SRC.joinpath(*parents[: i + 1], "__init__.py") for i in range(len(parents))]
    return own + around if own else []
