"""The git command, independent of the user's settings and of a surrounding git hook."""

import os
import subprocess

from keypoints.core.errors import PipelineError

# Variables that select a repository other than that of the folder, which git sets for hooks, or
# that give names of files another meaning.
_SELECTING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE",
              "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_LITERAL_PATHSPECS",
              "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")  # fmt: skip
_OPTIONS = ("--no-pager", "-c", "log.showSignature=false", "-c", "color.ui=false",
            "-c", "i18n.logOutputEncoding=UTF-8", "-c", "core.hooksPath=/dev/null")  # fmt: skip


class GitError(PipelineError):
    """A git command failed; the message is git's, in one line."""


def run_git(*arguments: str) -> str:
    """Output of a git command, without trailing line breaks.

    File names that are not UTF-8 are decoded like those of `os`.

    Raises:
        GitError: If git is missing or the command fails.
    """
    environment = {name: text for name, text in os.environ.items() if name not in _SELECTING}
    command = ["git", *_OPTIONS, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, env=environment)
    except OSError as error:
        raise GitError(f"git: {error.strerror}") from error
    if done.returncode:
        message = " ".join(os.fsdecode(done.stderr).split())
        raise GitError(f"git: {message or f'exit code {done.returncode}'}")
    return os.fsdecode(done.stdout).rstrip("\n")


def git(*arguments: str) -> str:
    """Output of a git command, without trailing line breaks; empty if the command fails."""
    try:
        return run_git(*arguments)
    except GitError:
        return ""
