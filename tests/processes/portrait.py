"""A process that tells what it was given: ``python -m tests.processes.portrait ARGS``; kills itself if told ``die``."""

from __future__ import annotations

import json
import locale
import os
import resource
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any


def portrait() -> dict[str, Any]:
    """All but its number that a process can see of how it was started."""
    streams = {"stdin": sys.stdin, "stdout": sys.stdout, "stderr": sys.stderr}
    return {
        "arguments": [str(Path(sys.argv[0]).resolve()), *sys.argv[1:]],
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "descriptors": {fd.name: kind(fd) for fd in sorted(Path("/proc/self/fd").iterdir()) if fd.exists()},
        "leads its session": os.getsid(0) == os.getpid(),
        "terminal": [*os.get_terminal_size(0), os.tcgetpgrp(0) == os.getpid()] if sys.stdin.isatty() else [],
        "signals": {number.name: str(signal.getsignal(number)) for number in signal.valid_signals() if known(number)},
        "blocked signals": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT_" in name},
        "mask": os.umask(os.umask(0o22)),
        "streams": {
            name: [stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.fileno()]
            for name, stream in streams.items()
        },
        "the same streams": [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
        "locale": [locale.getlocale(), locale.setlocale(locale.LC_ALL, None), locale.getpreferredencoding()],
        "time zone": [time.tzname, time.timezone],
        "threads": threading.active_count(),
        "flags": str(sys.flags),
        "warnings": [sys.warnoptions, [str(given) for given in warnings.filters]],
        "path": sys.path,
        "interpreter": [sys.executable, sys.prefix, sys.version],
        "main": [__name__, str(Path(__file__).resolve()), sys.modules["__main__"].__dict__ is globals()],
        "read": sys.stdin.read(),
    }


def known(number: int) -> bool:
    return isinstance(number, signal.Signals)


def kind(fd: Path) -> str:
    return fd.readlink().name.split(":")[0]


if __name__ == "__main__":
    print(json.dumps(portrait(), sort_keys=True))  # noqa: T201 - what it is for
    if "die" in sys.argv:
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if "fail" in sys.argv:
        raise ValueError("as it was told")
    sys.exit(7)
