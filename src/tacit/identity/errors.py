"""What can be wrong with an identity, and with the texts that people pass around."""

from __future__ import annotations

from tacit.errors import PeerError, Untrusted, UsageError


class IdentityError(PeerError):
    """A device could not show whose it is."""

    code = "identity"


class CertificateInvalid(IdentityError):
    """A device's certificate is not one that its account has signed."""

    code = "certificate-invalid"


class CertificateExpired(IdentityError):
    """A device's certificate is not valid at this time."""

    code = "certificate-expired"
    hint = "Check the date and time on both machines; a certificate is renewed when the other device comes online."


class CredentialMismatch(IdentityError):
    """A device signs with another key than its certificate names."""

    code = "credential-mismatch"


class NotTheSuccessor(IdentityError):
    """A device tried to take the place of another in a conversation."""

    code = "not-the-successor"


class BadId(UsageError):
    """That is not an account ID."""

    code = "bad-id"
    hint = "An ID looks like 7c9e6679-7425-80de-944b-e07fc1f90ae7; copy it whole."


class BadHandle(UsageError):
    """That cannot be a handle."""

    code = "bad-handle"
    hint = "A handle has 2 to 32 letters a to z, digits, dots, underscores and hyphens; both ends a letter or digit."


class BadLink(UsageError):
    """That is not a tacit link."""

    code = "bad-link"
    hint = "A link looks like tacit://host:8765/#... and must be copied whole, up to its last character."


class SafetyNumberMismatch(Untrusted):
    """The safety numbers differ: somebody may be in the middle, or one of you has a new account key."""

    code = "safety-number-mismatch"
    hint = "Do not trust this contact until the numbers agree. Compare again, in person or on a call."


class BadSafetyNumber(UsageError):
    """That is not a safety number."""

    code = "bad-safety-number"
    hint = "A safety number has 60 digits; scan the code or type all twelve groups."


class BadCode(UsageError):
    """That is not the code of a session."""

    code = "bad-code"
    hint = "A code looks like A3F2B1-maple-orbit-lantern: six characters and three words."


class MistypedWord(UsageError):
    """No code has such a word.

    ``nearest`` are the words that it may be meant to be, the likeliest first.
    """

    code = "mistyped-word"
    hint = "Ask for the code once more, or try one of the words named here."

    def __init__(self, typed: str, nearest: tuple[str, ...]) -> None:
        shown = "".join(letter for letter in typed[:16] if letter.isalnum())
        super().__init__(f"{shown!r}, perhaps {', '.join(nearest)}")
        self.nearest = nearest
