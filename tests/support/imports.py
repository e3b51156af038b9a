"""Which modules of the library a script uses, read from its source: for the test of dvc.yaml."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"


def modules_used(script: Path) -> set[str]:
    """Paths, relative to the repository, of every library module that a script leads to."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        for module in direct_imports(waiting.pop()):
            if module not in found:
                found.add(module)
                waiting.append(module)
    return {str(module.relative_to(SRC.parent)) for module in found}


def direct_imports(path: Path) -> set[Path]:
    """Files of the library that a file imports itself, with the packages around them."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
            modules |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
    return {path for module in modules for path in _files(module)}


def _files(module: str) -> list[Path]:
    """The module's file, and the packages around it, which run when it is imported."""
    if not module.startswith("keypoints"):
        return []
    base = SRC / module.replace(".", "/")
    own = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
    parents = module.split(".")[:-1]
    around = [SRC.joinpath(*parents[: i + 1], "__init__.py") for i in range(len(parents))]
    return own + around if own else []
