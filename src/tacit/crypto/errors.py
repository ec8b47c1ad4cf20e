"""What goes wrong with keys and suites; a tag or signature that does not verify is ``CryptoError`` itself."""

from __future__ import annotations

from tacit.errors import ConfigError, CryptoError, TacitError, UsageError


class BadKey(CryptoError):
    """A key has the wrong length or form, or is one that no honest device makes."""

    code = "bad-key"


class UnsupportedSuite(CryptoError):
    """The conversation uses a cipher suite that this version of tacit does not know."""

    code = "unsupported-suite"
    hint = "Update tacit on this device, or ask the others which version they use."


class UnsupportedKey(UsageError):
    """Keys of this kind cannot be used for an account."""

    code = "unsupported-key"
    hint = "Use an Ed25519 key, or an RSA key of 2,048 to 4,096 bits."


class WrongPassphrase(UsageError):
    """The passphrase does not open this key."""

    code = "wrong-passphrase"


class BadCertificateName(UsageError):
    """A certificate cannot be made for this name."""

    code = "bad-certificate-name"
    hint = "Use an IP address or a host name in ASCII; for names in other alphabets, their form that begins with xn--."


class StretchingFailed(TacitError):
    """There is not enough memory here to stretch a passphrase or the words of a code."""

    code = "no-memory"
    hint = "It takes up to 256 MiB, for a second. Close something else, and try again."


class BadKdfParameters(ConfigError):
    """The settings for stretching the passphrase are out of range."""

    code = "bad-kdf-parameters"
