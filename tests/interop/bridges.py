"""Bridges as the tests hold them: a process that takes a JSON line and gives one. Source: docs/mls-bridge.md"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.processes.forked import environment

ANSWERS_IN_S = 60


class Refused(Exception):
    """A bridge answered with an error; ``code`` is the error's."""

    def __init__(self, verb: str, code: str, message: str) -> None:
        super().__init__(f"{verb}: {code}: {message}")
        self.code = code


class Bridge:
    """One implementation in a process of its own, which plays any number of clients.

    ``lacks`` names what the implementation cannot do, see ``LACKS``.
    """

    def __init__(self, name: str, command: list[str], *, cwd: Path | None = None, lacks: frozenset[str]) -> None:
        self.name = name
        self.lacks = lacks
        self._process = subprocess.Popen(
            command, cwd=cwd, env=environment(measured=False), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=ANSWERS_IN_S)
        self._process.stdout.close()

    def __repr__(self) -> str:
        return self.name

    def answer(self, line: bytes) -> dict[str, Any]:
        """What comes back for a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise EOFError(f"{self.name} has died")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    def __call__(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """The result of a verb; raises ``Refused``."""
        answer = self.answer(json.dumps({"verb": verb, **arguments}).encode())
        if "error" in answer:
            raise Refused(verb, answer["error"]["code"], answer["error"]["message"])
        result: dict[str, Any] = answer["result"]
        return result


LACKS = {
    "tacit": frozenset[str](),
    # Its API has no way to propose a new leaf. Its own commits break RFC 9420 §12.4.1 in all but the plain cases: with
    # one removal or update it leaves the path out, in a path it encrypts to the old key of whoever is updated and to
    # those whom the same commit adds. It stumbles over a path in the commit that removes it, and, since it counts a
    # root that §4.1.2 filters out, over every path while one half of the tree is empty. It joins no group where two
    # parents of a leaf have different unmerged leaves, though §12.4.3.1 asks only that none in between leaves it out.
    "ts-mls": frozenset(
        {
            "propose update",
            "commit update",
            "mixed commits",
            "lone removal",
            "own removal",
            "empty half",
            "unmerged leaves",
        }
    ),
    # It speaks of handshakes in the clear only, and its API hides the rest; a group info comes with its own commits.
    # It does commit proposals of others.
    "core-crypto": frozenset(
        {"propose update", "propose", "private handshakes", "psk", "aad", "state_auth", "groupinfo"}
    ),
}


def tacit() -> Bridge:
    """Ours."""
    return Bridge("tacit", [sys.executable, "-m", "tacit.mls.bridge"], lacks=LACKS["tacit"])


def judge(name: str, folder: Path) -> Bridge:
    """Somebody else's, installed in ``folder``."""
    script = name.replace("-", "_") + ".mjs"
    return Bridge(name, ["node", script], cwd=folder, lacks=LACKS[name])
