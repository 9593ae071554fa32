"""On a host: a command, for as long as whoever started it over ssh is heard from.

`python -m compose.fleet.tied COUNT COMMAND…` runs COUNT of it side by side. They are ended when standard input ends, or
stays silent for SILENCE_S: a host that is cut off makes no load that nobody could stop.
"""

import os
import select
import signal
import subprocess
import sys
import time

SILENCE_S = 10.0
STOP_S = 8.0


def main(arguments: list[str]) -> int:
    """Run until all have ended, or are to; the first exit status that is not 0, and 0 where they ended as told."""
    told = _note_signals(signal.SIGTERM, signal.SIGHUP)
    count, command = int(arguments[0]), arguments[1:]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        if not _all_end(processes, told):
            return 0 if _end(processes) else 1
        return next((process.returncode for process in processes if process.returncode), 0) % 256
    finally:
        _end(processes)


def _note_signals(*numbers: int) -> int:
    """A descriptor on which these signals are read from now on; as exceptions they could hit between two starts."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return read


def _all_end(processes: list[subprocess.Popen[bytes]], told: int) -> bool:
    """Wait until they have ended by themselves; False as soon as they are to be ended, which `told` may say."""
    poll, stdin = select.poll(), sys.stdin.fileno()
    watched = {os.pidfd_open(process.pid): process for process in processes}
    for fd in (stdin, told, *watched):
        poll.register(fd, select.POLLIN)
    heard = time.monotonic()
    while watched:
        silent = SILENCE_S - (time.monotonic() - heard)
        ready = {fd for fd, _ in poll.poll(max(0.0, silent) * 1e3)}
        if told in ready:
            return False
        if stdin in ready:
            if not os.read(stdin, 4096):
                return False
            heard = time.monotonic()
        elif not ready and silent <= 0:
            sys.stderr.write(f"not heard from for {SILENCE_S:g} s: ended\n")
            return False
        for fd in ready & watched.keys():
            watched.pop(fd).wait()
            poll.unregister(fd)
            os.close(fd)
    return True


def _end(processes: list[subprocess.Popen[bytes]]) -> bool:
    """End those that still run; False where one had to be killed."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_S
    killed = 0
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    if killed:
        sys.stderr.write(f"{killed} did not end within {STOP_S:g} s: killed\n")
    return not killed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
