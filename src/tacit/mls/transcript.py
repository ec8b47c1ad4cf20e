"""Transcript hashes: the running hash over every commit that led to an epoch.

Source: RFC 9420 §8.2
"""

from __future__ import annotations

from tacit.codec import Writer
from tacit.crypto.suites import CipherSuite
from tacit.mls.framing import FramedContent
from tacit.mls.registry import WireFormat


def confirmed_transcript_hash(
    suite: CipherSuite, interim_before: bytes, wire_format: WireFormat, content: FramedContent, signature: bytes
) -> bytes:
    """The hash up to and with the signature of a commit: Nh bytes."""
    w = Writer()
    w.fixed(interim_before)
    w.u16(wire_format)
    w.fixed(content.encoded)
    w.opaque(signature)
    return suite.hash(w.finish())


def interim_transcript_hash(suite: CipherSuite, confirmed: bytes, confirmation_tag: bytes) -> bytes:
    """The hash up to and with the confirmation tag of a commit: Nh bytes."""
    w = Writer()
    w.fixed(confirmed)
    w.opaque(confirmation_tag)
    return suite.hash(w.finish())
