"""What a session says to the person at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

WAITING: Final = "Read this code to the other one, and to nobody else. It is good for ten minutes and one who comes:"
HOW_TO_JOIN: Final = "They type: tacit session join {code}"
OTHER_RELAY: Final = "If their tacit does not know this relay, they add: --relay {relay}"
PAIRING: Final = "Somebody is there. Proving to each other that you have the same words takes some seconds."
JOINING: Final = "Proving to each other that you have the same words takes some seconds."

CHECK: Final = "Check phrase:"
COMPARE: Final = "The other one must see the same three words. Ask them now: if theirs differ, somebody is in between."
KEPT: Final = "Nothing of this is kept anywhere. /quit or Ctrl+C ends it for both, /help lists the commands."

HELP: Final = (
    ("/quit, /exit, exit", "end the session, for both"),
    ("/check", "show the check phrase once more"),
    ("/clear", "clear the screen"),
    ("//text", "send text that begins with a slash"),
)
UNKNOWN: Final = "There is no command {word}. /help lists them; // sends a slash."

GUEST_FAILED: Final = {
    "wrong-words": "Somebody came with other words, and was sent away.",
    "gone": "Somebody came and left.",
    "too-slow": "Somebody came and was too slow, and was sent away.",
}
GUEST_ODD: Final = "Somebody came who did not keep to the rules, and was sent away."
TRIES_LEFT: Final = {
    0: "The code is no longer good.",
    1: "The code is good for one more.",
    2: "The code is good for two more.",
}

CREATE_OR_JOIN: Final = "Create a session or join one? [c/j] "
CODE_QUESTION: Final = "Code (Tab completes its words): "
CREATE_WORDS: Final = ("c", "create", "n", "new")
JOIN_WORDS: Final = ("j", "join")


def spoken(phrase: Sequence[str]) -> str:
    """Three words as they are read out."""
    return " ".join(phrase)


def guest_failed(code: str, left: int) -> str:
    """Who came and did not pair, and what that leaves."""
    return f"{GUEST_FAILED.get(code, GUEST_ODD)} {TRIES_LEFT.get(left, '')}".rstrip()
