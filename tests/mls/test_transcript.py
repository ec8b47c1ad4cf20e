from __future__ import annotations

from tacit.codec import decode
from tacit.mls.checks.framing import check_confirmation_tag
from tacit.mls.framing import AuthenticatedContent
from tacit.mls.registry import ContentType
from tacit.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from tests.mls.suites import count_suites, supported_cases

un = bytes.fromhex


def test_official_vectors() -> None:
    ran = 0
    for suite, case in supported_cases("transcript-hashes"):
        message = decode(AuthenticatedContent, un(case["authenticated_content"]))
        assert message.content.content_type is ContentType.COMMIT
        assert message.auth.confirmation_tag is not None
        before = un(case["interim_transcript_hash_before"])
        confirmed = confirmed_transcript_hash(
            suite, before, message.wire_format, message.content, message.auth.signature
        )
        assert confirmed == un(case["confirmed_transcript_hash_after"])
        check_confirmation_tag(suite, un(case["confirmation_key"]), confirmed, message.auth.confirmation_tag)
        interim = interim_transcript_hash(suite, confirmed, message.auth.confirmation_tag)
        assert interim == un(case["interim_transcript_hash_after"])
        ran += 1
    count_suites("transcript-hashes", ran)
