"""python -m compose.containers.bucket FOLDER COMMAND…: make the bucket unless it exists, then run the store."""

import os
import sys
from pathlib import Path

from compose.parts.stores import make_bucket


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        sys.stderr.write("usage: python -m compose.containers.bucket FOLDER COMMAND…\n")
        return 2
    folder, *command = arguments
    if not Path(folder).exists():
        make_bucket(Path(folder))
    return os.execvp(command[0], command)  # noqa: S606 - the arguments are the Compose file's


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
