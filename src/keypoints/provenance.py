"""Where a file comes from: the git revision, and whether DVC's lock file names these bytes."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

LOCK_FILE = Path("dvc.lock")


@dataclass(frozen=True)
class Revision:
    """A state of the repository.

    Attributes:
        commit: Its full name; empty outside of a git repository.
        changed: Tracked files that differ from it.
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
    status = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{ignored}")
    return Revision(commit, tuple(line[3:] for line in status.splitlines()))


def is_locked(path: Path, lock: Path = LOCK_FILE) -> bool:
    """Whether the lock file has this output with exactly these bytes."""
    if not lock.exists():
        return False
    stages = (YAML(typ="safe").load(lock.read_text(encoding="utf-8")) or {}).get("stages", {})
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    outputs = [out for stage in stages.values() for out in stage.get("outs", [])]
    return any((out["path"], out.get("md5")) == (path.as_posix(), digest) for out in outputs)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout
