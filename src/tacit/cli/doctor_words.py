"""What ``tacit doctor`` shows: a line for each check with a mark, and below it what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tacit.cli.errors import advice
from tacit.cli.output import behind
from tacit.sdk.diagnosis import Finding
from tacit.ui.layout import Layout
from tacit.ui.rows import Row, Style
from tacit.ui.text import clean_line

LABELS: Final = {
    "python": "Python",
    "libraries": "libraries",
    "folder": "data folder",
    "terminal": "terminal",
    "proxies": "proxies",
    "profile": "profile",
    "name": "relay's name",
    "network": "network",
    "tls": "encryption",
    "pin": "relay's key",
    "protocol": "protocol",
    "clock": "clock",
    "login": "login",
    "keys": "key packages",
    "queue": "to go out",
    "relay": "relay here",
}
_CELLS: Final = max(map(len, LABELS.values()))

_MARKS: Final[dict[str, tuple[Style, str]]] = {
    "ok": ("good", "ok"),
    "warning": ("key", "look"),
    "failed": ("alarm", "FAILS"),
    "skipped": ("dim", "-"),
}
_MARK_CELLS: Final = 5

CLOCK_ADVICE: Final = "Set this machine's clock, or tell whoever runs the relay about theirs."
QUEUE_ADVICE: Final = "It goes out by itself the next time tacit runs for this profile and the relay answers."
KEYS_ADVICE: Final = (
    "Whoever wants to begin a chat with you now gets the last one; more are made as soon as you log in."
)


def rows(finding: Finding, layout: Layout) -> list[Row]:
    """The line of one check, and what to do about it; longer words go on below where they began."""
    style, mark = _MARKS[finding.state]
    if finding.state == "ok":
        mark = layout.glyphs.sent
    label = LABELS[finding.check]
    pad = " " * (_MARK_CELLS + 1 + _CELLS + 2)
    lines = behind((words(finding), what_to_do(finding)), len(pad), layout.width)
    head: Row = ((style, f"{mark:<{_MARK_CELLS}} "), ("key", f"{label:<{_CELLS}}  "), ("", lines[0]))
    return [head, *((("", pad), ("", line)) for line in lines[1:])]


def words(finding: Finding) -> str:
    """What was found out, on one line."""
    if finding.error is not None:
        return clean_line(finding.error.sentence)
    if finding.state == "skipped":
        return _SKIPPED[finding.facts.get("because", "")]
    return clean_line(_WORDS[finding.check](finding.facts))


def what_to_do(finding: Finding) -> str:
    """What to do about it; nothing where all is well."""
    if finding.error is not None:
        return clean_line(advice(finding.error))
    if finding.state in ("warning", "failed"):
        return {"clock": CLOCK_ADVICE, "queue": QUEUE_ADVICE, "keys": KEYS_ADVICE}.get(finding.check, "")
    return ""


_SKIPPED: Final = {
    "": "left out, because of what fails above",
    "no-terminal": "the output goes to no terminal",
    "no-relay": "this user runs none",
    "proxy": "the proxy looks it up",
    "in-use": "left out, because the other tacit has the profile",
    "unsaid": "the relay does not say what time it is there",
}


def _clock(facts: dict[str, Any]) -> str:
    ahead = facts["ahead_s"]
    if abs(ahead) < 2:
        return "the relay's and this one agree"
    return f"{_span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the relay's"


def _span(seconds: int) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _tls(facts: dict[str, Any]) -> str:
    proxy = ", from a proxy whose certificate is valid" if facts.get("name_verified") else ""
    return f"TLS 1.3 over {_TRANSPORTS.get(facts['transport'], facts['transport'])}{proxy}"


_TRANSPORTS: Final = {"ws": "WebSocket", "grpc": "gRPC", "tcp": "TCP"}

_WORDS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "python": lambda facts: f"{facts['implementation']} {facts['version']}",
    "libraries": lambda facts: f"{facts['count']}, all new enough; {facts['openssl']}",
    "folder": lambda facts: f"{facts['folder']}{'' if facts['exists'] else ', not made yet'}",
    "terminal": lambda facts: f"{facts['encoding']}, {facts['columns']} columns, {facts['term']}",
    "proxies": lambda facts: f"named by {', '.join(facts['variables'])}" if facts["variables"] else "none",
    "profile": lambda facts: f"{facts['profile']} opens; you are {facts['name']}",
    "name": lambda facts: f"{facts['host']} is {', '.join(facts['addresses'][:4])}",
    "network": lambda facts: (
        f"port {facts['port']} answers after {facts['milliseconds']} ms"
        f"{', through the proxy ' + facts['proxy'] if facts['proxy'] else ''}"
    ),
    "tls": _tls,
    "pin": lambda facts: "the one that the link names",
    "protocol": lambda facts: f"version {facts['version']}; registration {facts['registration'] or 'open'}",
    "clock": _clock,
    "login": lambda facts: "the relay lets this device in, and all that waited is here",
    "keys": lambda facts: f"{facts['left']} left at the relay, for people who write to you first",
    "queue": lambda facts: {0: "nothing", 1: "1 message or change"}.get(
        facts["queued"], f"{facts['queued']} messages or changes"
    ),
    "relay": lambda facts: f"{facts['accounts']} accounts, {facts['entries']} entries, all as they were written",
}
