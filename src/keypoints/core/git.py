"""The git command."""

import subprocess


def git(*arguments: str) -> str:
    """Output of a git command, without trailing line breaks; empty if the command fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.rstrip("\n")
