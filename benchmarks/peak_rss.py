"""Print the peak resident memory of a command in MiB: `python peak_rss.py COMMAND ...`."""

import resource
import subprocess
import sys

if __name__ == "__main__":
    status = subprocess.call(sys.argv[1:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(peak / (2**20 if sys.platform == "darwin" else 2**10))  # bytes on macOS, else KiB
    sys.exit(status)
