"""Copies the sound of a video to an annotated copy with ffmpeg, if that program is installed."""

import os
import shutil
import subprocess
from pathlib import Path

from keypoints.annotation.video_container import may_have_audio
from keypoints.core.errors import first_line

_CODECS = ("copy", "aac")  # of the sound; the second if MP4 files cannot contain the first
_MAX_SECONDS = 600


def copy_audio(video: Path, source: Path) -> str:
    """Replace a silent video by one with the sound of another video.

    Returns:
        A remark for the user if there may be a sound that is not copied; otherwise an empty text.
    """
    if not may_have_audio(source):
        return ""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return "its sound, if there is one, is left out, because ffmpeg is not installed"
    reason = ""
    complete = video.with_name(f"annotating-{os.getpid()}-sound.mp4")
    try:
        for codec in _CODECS:
            command = _command(ffmpeg, video, source, complete, codec)
            done = subprocess.run(command, capture_output=True, timeout=_MAX_SECONDS)
            if done.returncode == 0 and complete.is_file():
                complete.replace(video)
                return ""
            reason = reason or done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = first_line(error)
    finally:
        complete.unlink(missing_ok=True)
    return f"its sound is left out, because ffmpeg cannot copy it ({reason or 'without a reason'})"


def _command(ffmpeg: str, video: Path, source: Path, complete: Path, codec: str) -> list[str]:
    """A list of arguments; `file:` keeps ffmpeg from taking the start of a name for a protocol."""
    files = [f"file:{path.absolute()}" for path in (video, source, complete)]
    return [
        *(ffmpeg, "-nostdin", "-v", "error", "-y"),
        *("-protocol_whitelist", "file", "-i", files[0]),
        *("-protocol_whitelist", "file", "-i", files[1]),
        *("-map", "0:v", "-map", "1:a?", "-c:v", "copy", "-c:a", codec, files[2]),
    ]
