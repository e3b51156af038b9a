"""Where a file comes from: the git revision, and whether DVC's lock file names these bytes."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

LOCK_FILE = Path("dvc.lock")


@dataclass(frozen=True)
class Revision:
    """A state of the repository.

    Attributes:
        commit: Its full name; empty outside of a git repository.
        changed: Files that differ from it; files that git neither tracks nor ignores count.
    """

    commit: str
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (self.commit or "unknown") + ("-dirty" if self.changed else "")

    @property
    def short(self) -> str:
        """As messages show it."""
        return (self.commit[:7] or "unknown") + ("-dirty" if self.changed else "")


def read_revision(ignored: Path) -> Revision:
    """The commit of the working folder and what was changed since.

    Args:
        ignored: A file whose changes do not count.
    """
    commit = _git("rev-parse", "HEAD").strip()
    status = _git("status", "--porcelain", "--untracked-files=all", "--", ".", f":!{ignored}")
    return Revision(commit, tuple(line[3:] for line in status.splitlines()))


def is_locked(path: Path, lock: Path = LOCK_FILE) -> bool:
    """Whether the lock file has this output with exactly these bytes."""
    if not lock.exists():
        return False
    try:
        content = YAML(typ="safe").load(lock.read_text(encoding="utf-8")) or {}
    except YAMLError:  # the marks of a merge conflict, say
        return False
    stages = content.get("stages") or {}
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    outputs = [out for stage in stages.values() for out in stage.get("outs", [])]
    return any((out["path"], out.get("md5")) == (path.as_posix(), digest) for out in outputs)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout
