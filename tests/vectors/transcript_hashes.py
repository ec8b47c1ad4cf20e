"""Family transcript-hashes: both hashes after a commit, and its confirmation tag."""

from __future__ import annotations

from typing import Any

from tacit.codec import decode
from tacit.mls.checks.framing import check_confirmation_tag
from tacit.mls.framing import AuthenticatedContent
from tacit.mls.registry import ContentType
from tacit.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from tests.vectors.expect import Mismatch, Options, expect, suite_of, un


def check(case: Any, options: Options) -> None:
    """The content is a commit, its tag is right, and it moves both hashes on."""
    del options
    suite, message = suite_of(case), decode(AuthenticatedContent, un(case["authenticated_content"]))
    expect("content_type", message.content.content_type, ContentType.COMMIT)
    tag = message.auth.confirmation_tag
    if tag is None:
        raise Mismatch("authenticated_content has no confirmation_tag")
    before = un(case["interim_transcript_hash_before"])
    confirmed = confirmed_transcript_hash(suite, before, message.wire_format, message.content, message.auth.signature)
    expect("confirmed_transcript_hash_after", confirmed, un(case["confirmed_transcript_hash_after"]))
    check_confirmation_tag(suite, un(case["confirmation_key"]), confirmed, tag)
    interim = interim_transcript_hash(suite, confirmed, tag)
    expect("interim_transcript_hash_after", interim, un(case["interim_transcript_hash_after"]))
