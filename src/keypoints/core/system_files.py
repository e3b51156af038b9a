"""Files that operating systems and NAS devices add to folders, which belong to no data set."""

import fnmatch
import re
from pathlib import PurePath

_PATTERNS = ("._*", "__macosx", ".ds_store", ".appledouble", ".spotlight-v100", ".trashes",
             ".fseventsd", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "*:zone.identifier",
             "$recycle.bin", "system volume information", "@eadir", "#recycle", "@recycle",
             ".trash-*", "#snapshot", ".snapshot", "lost+found")  # fmt: skip
_IS_SYSTEM_FILE = re.compile("|".join(map(fnmatch.translate, _PATTERNS)), re.IGNORECASE)


def is_system_file(path: PurePath) -> bool:
    """Whether a path is such a file, or lies in such a folder."""
    return any(map(_IS_SYSTEM_FILE.match, path.parts))
