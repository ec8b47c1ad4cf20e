"""From a line to a line: finds the verb, runs it for its client, and keeps what it gives if nothing went wrong."""

from __future__ import annotations

import json
from typing import Final

from tacit.crypto.suites import DEFAULT_SUITE, SUPPORTED_SUITES
from tacit.errors import InvalidMessage, TacitError
from tacit.mls.bridge import lineage, membership, messages
from tacit.mls.bridge.arguments import Arguments
from tacit.mls.bridge.clients import Answer, Client, Surroundings
from tacit.mls.bridge.errors import BadLine, UnknownVerb
from tacit.mls.bridge.membership import Verb

MAX_LINE_BYTES: Final = 32 * 1024 * 1024
"""One request: a Welcome of a thousand members in hex takes six megabytes."""


def suites(client: Client, args: Arguments, here: Surroundings) -> tuple[Client, Answer]:
    """The numbers of the cipher suites, and which of them is the default."""
    del args, here
    return client, {"suites": sorted(SUPPORTED_SUITES), "default": DEFAULT_SUITE}


VERBS: Final[dict[str, Verb]] = {
    "suites": suites,
    "keypackage": membership.keypackage,
    "create": membership.create,
    "add": membership.add,
    "remove": membership.remove,
    "update": membership.update,
    "psk": membership.psk,
    "commit": membership.commit,
    "join": membership.join,
    "external_join": membership.external_join,
    "forget": membership.forget,
    "reinitialize": lineage.reinitialize,
    "branch": lineage.branch,
    "groupinfo": messages.groupinfo,
    "process": messages.process,
    "protect": messages.protect,
    "unprotect": messages.unprotect,
    "export": messages.export,
    "state_auth": messages.state_auth,
    "reload": messages.reload,
}


class Session:
    """The clients of one process. ``answer`` never raises for anything that a line can say."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}

    def answer(self, line: bytes, here: Surroundings) -> str:
        """The answer to one request, without the line break."""
        request_id = None
        try:
            values = _parse(line)
            request_id = _request_id(values.pop("id", None))
            return json.dumps({"id": request_id, "result": self._run(values, here)})
        except TacitError as error:
            return json.dumps({"id": request_id, "error": _describe(error)})

    def _run(self, values: dict[str, object], here: Surroundings) -> Answer:
        args = Arguments(values)
        verb = args.text("verb")
        if verb not in VERBS:
            raise UnknownVerb(repr(verb[:40]))
        name = args.text("client") if args.has("client") else ""
        client = self._clients.get(name, Client(name.encode()))
        client, answer = VERBS[verb](client, args, here)
        args.finish()
        self._clients[name] = client
        return answer


def _parse(line: bytes) -> dict[str, object]:
    if len(line) > MAX_LINE_BYTES:
        raise BadLine("too long")
    try:
        values = json.loads(line.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadLine("not JSON") from error
    if not isinstance(values, dict):
        raise BadLine("not an object")
    return values


def _request_id(value: object) -> str | int | None:
    if value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise BadLine("id: a string or a whole number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name is there twice")
    return values


def _no_number(text: str) -> object:
    raise ValueError(text)


def _describe(error: TacitError) -> Answer:
    described: Answer = {"code": error.code, "message": error.sentence}
    if isinstance(error, InvalidMessage):
        described["check"] = error.check
    return described
