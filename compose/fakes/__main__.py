"""python -m compose.fakes CONFIGURATION.json: serve the fakes of the outside world until SIGTERM."""

import asyncio
import signal
import ssl
import sys
import threading
from pathlib import Path

from compose.errors import StackError
from compose.fakes import control, push
from compose.fakes.apns import Rules
from compose.fakes.configuration import Configuration, load
from compose.fakes.faults import Faults
from compose.fakes.received import FAKES, PUSH, Metrics, Received


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m compose.fakes CONFIGURATION.json", file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(load(Path(arguments[0]))))
    except (StackError, OSError, ssl.SSLError) as error:
        print(f"fakes: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(configuration: Configuration) -> None:
    """Serve all fakes until a signal; the control port opens last."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics, faults = Metrics(), Faults()
    received = {name: Received(name, metrics) for name in FAKES}
    keys = {name: Path(file).read_text() for name, file in configuration.provider_keys.items()}
    rules = Rules(configuration.topic, configuration.team_id, keys)
    certificate, key = Path(configuration.certificate), Path(configuration.key)
    listen = configuration.listen
    async with await push.listen(configuration.push_port, certificate, key, rules, faults, received[PUSH], listen):
        server = control.serve(configuration.port, control.Control(rules, faults, received, metrics), listen)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        await stop.wait()
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
