"""Refusals as a client gets them: an error, or the answer to who wants in and may try once more."""

from __future__ import annotations

import math

from tacit.errors import RelayError
from tacit.wire import relay_pb2 as pb


def error_of(refusal: RelayError) -> pb.Error:
    """What answers a request that is not granted."""
    return pb.Error(
        code=refusal.code,
        sentence=refusal.sentence,
        retry_after_s=_retry_after_s(refusal),
        last_commit_seq=getattr(refusal, "last_commit_seq", 0),
    )


def entry_refused(request: str, refusal: RelayError, next_challenge: bytes) -> pb.LoginFailed | pb.RegistrationFailed:
    """What answers a Login, a Register or a SubmitOtp, with what the next try is to sign; empty: there is none."""
    failed = pb.LoginFailed if request == "login" else pb.RegistrationFailed
    answer = failed(
        code=refusal.code,
        sentence=refusal.sentence,
        retry_after_s=_retry_after_s(refusal),
        next_challenge=next_challenge,
    )
    if isinstance(answer, pb.RegistrationFailed):
        answer.otp_request = getattr(refusal, "otp_request", "")
    return answer


def _retry_after_s(refusal: RelayError) -> int:
    """Whole seconds, rounded up, at least one where there is anything to wait for."""
    return 0 if refusal.retry_after_s is None else max(1, math.ceil(refusal.retry_after_s))
