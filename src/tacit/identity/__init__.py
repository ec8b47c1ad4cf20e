"""Who is who: account keys, IDs that prove their key, device certificates, handles, safety numbers, links.

``authenticate_leaf`` is the one door through which an identity enters a group. Knows keys and names, but no messages,
no relay and no disk.
"""

from __future__ import annotations

from tacit.identity.account_keys import AccountKey, key_kind, verify_account_bytes, verify_account_signature
from tacit.identity.authentication import Authenticated, LeafIdentity, authenticate_leaf
from tacit.identity.certificates import DeviceCertificate
from tacit.identity.errors import (
    BadCode,
    BadHandle,
    BadId,
    BadLink,
    BadSafetyNumber,
    CertificateExpired,
    CertificateInvalid,
    CredentialMismatch,
    IdentityError,
    MistypedWord,
    NotTheSuccessor,
    SafetyNumberMismatch,
)
from tacit.identity.handles import Handle, format_handle, parse_handle
from tacit.identity.ids import AccountId, DeviceId, account_id, check_id, device_id, format_id, parse_id
from tacit.identity.links import RelayLink, format_fingerprint, format_link, parse_link
from tacit.identity.safety_numbers import SafetyNumber, safety_number

__all__ = [
    "AccountId",
    "AccountKey",
    "Authenticated",
    "BadCode",
    "BadHandle",
    "BadId",
    "BadLink",
    "BadSafetyNumber",
    "CertificateExpired",
    "CertificateInvalid",
    "CredentialMismatch",
    "DeviceCertificate",
    "DeviceId",
    "Handle",
    "IdentityError",
    "LeafIdentity",
    "MistypedWord",
    "NotTheSuccessor",
    "RelayLink",
    "SafetyNumber",
    "SafetyNumberMismatch",
    "account_id",
    "authenticate_leaf",
    "check_id",
    "device_id",
    "format_fingerprint",
    "format_handle",
    "format_id",
    "format_link",
    "key_kind",
    "parse_handle",
    "parse_id",
    "parse_link",
    "safety_number",
    "verify_account_bytes",
    "verify_account_signature",
]
