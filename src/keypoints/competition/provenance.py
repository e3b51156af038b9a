"""Origin of a submission: the git revision, and whether dvc.lock contains the file's digest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from keypoints.core.git import git

LOCK_FILE = Path("dvc.lock")


@dataclass(frozen=True)
class Revision:
    """A state of the repository.

    Attributes:
        commit: Full hash of the commit; empty outside a git repository.
        changed: Files that differ from the commit, or that git neither tracks nor ignores.
    """

    commit: str
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (self.commit or "unknown") + ("-dirty" if self.changed else "")

    @property
    def short(self) -> str:
        """Abbreviated hash, with the suffix -dirty if files changed."""
        return (self.commit[:7] or "unknown") + ("-dirty" if self.changed else "")


def read_revision(ignored: Path) -> Revision:
    """Read the current commit and the changed files of the whole repository.

    Args:
        ignored: A file, relative to the current folder, whose changes do not count.
    """
    status = git("status", "--porcelain", "--untracked-files=all", "--", ":/", f":!{ignored}")
    return Revision(git("rev-parse", "HEAD"), tuple(line[3:] for line in status.splitlines()))


def is_locked(path: Path, lock: Path = LOCK_FILE) -> bool:
    """Whether a lock file of DVC lists this output with the digest of the present file."""
    if not lock.exists():
        return False
    try:
        content = YAML(typ="safe").load(lock.read_text(encoding="utf-8")) or {}
    except YAMLError:  # such as the markers of a merge conflict
        return False
    stages = content.get("stages") or {}
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    outputs = [out for stage in stages.values() for out in stage.get("outs", [])]
    return any((out["path"], out.get("md5")) == (path.as_posix(), digest) for out in outputs)
