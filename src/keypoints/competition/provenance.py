"""Origin of a submission: the git revision, and the file's digest in dvc.lock."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from keypoints.core.git import GitError, run_git

LOCK_FILE = Path("dvc.lock")


@dataclass(frozen=True)
class Revision:
    """A state of the repository."""

    commit: str  # full hash; empty if git fails
    changed: list[str]  # files that differ from the commit, or that git neither tracks nor ignores
    problem: str = ""  # git's message, such as that this is no repository

    def label(self, digits: int | None = None) -> str:
        """The hash, or its first digits, with the suffix -dirty if files changed."""
        return (self.commit[:digits] or "unknown") + ("-dirty" if self.changed else "")


def read_revision(ignored: Path) -> Revision:
    """Read the current commit and the repository's changed files, except the ignored one."""
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all")
    try:
        commit = run_git("rev-parse", "HEAD")
        run_git("ls-files", "--error-unmatch", "--", ".")  # fails in a folder of another repository
        status = run_git("status", *options, "--", ":/", f":!{ignored}")
    except GitError as error:
        return Revision("", [], str(error))
    return Revision(commit, [entry[3:] for entry in status.split("\0") if entry])


def locked_digest(path: Path) -> str | None:
    """MD5 digest of an output in dvc.lock; None if it is not listed."""
    try:
        content = YAML(typ="safe").load(LOCK_FILE.read_text(encoding="utf-8")) or {}
    except (FileNotFoundError, ValueError, YAMLError):  # such as the markers of a merge conflict
        return None
    stages = (content.get("stages") or {}) if isinstance(content, dict) else {}
    outputs = [out for stage in stages.values() for out in stage.get("outs", [])]
    return next((out.get("md5") for out in outputs if out["path"] == path.as_posix()), None)


def md5_of(path: Path) -> str:
    """MD5 digest of a file, as in dvc.lock."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
