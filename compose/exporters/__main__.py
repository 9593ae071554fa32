"""python -m compose.exporters CONFIGURATION.json: serve the collectors until SIGTERM."""

import sys
from pathlib import Path

from prometheus_client import disable_created_metrics

from compose.errors import StackError
from compose.exporters.configuration import load
from compose.exporters.server import list_pages, serve


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m compose.exporters CONFIGURATION.json", file=sys.stderr)
        return 2
    try:
        configuration = load(Path(arguments[0]))
        disable_created_metrics()  # type: ignore[no-untyped-call]
        server = serve(configuration.port, list_pages(configuration), configuration.listen)
    except (StackError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
