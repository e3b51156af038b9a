"""Note the settings that a stage reads: `python spied_stage.py LOG src/STAGE.py [ITEM]`."""

import runpy
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path("src").resolve()))

from keypoints.config.params import Params

READ = Params.read


def main() -> None:
    """Run the stage in this process; LOG gets the dotted key of each setting."""
    log = Path(sys.argv[1])
    del sys.argv[:2]

    def read(self: Params, key: str, kind: Any) -> Any:
        with log.open("a") as file:
            print(key, file=file)
        return READ(self, key, kind)

    Params.read = read  # type: ignore[method-assign]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
