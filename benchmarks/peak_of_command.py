"""Print a command's peak resident memory in MiB: `python peak_of_command.py COMMAND ...`."""

import resource
import subprocess
import sys

if __name__ == "__main__":
    status = subprocess.call(sys.argv[1:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(peak / (2**20 if sys.platform == "darwin" else 2**10))  # bytes there, KiB elsewhere
    sys.exit(status)
