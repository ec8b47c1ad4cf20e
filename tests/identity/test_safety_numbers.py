from __future__ import annotations

import re

import pytest

from tacit.identity import BadSafetyNumber, SafetyNumberMismatch, safety_number
from tests.identity.people import ALICE, BOB, MALLORY, account

NUMBER = safety_number(ALICE.public, BOB.public)
DIGITS_OF_ALICE_AND_BOB = "235599678988383941043998636683483297519221930458278150943408"
QR_OF_ALICE_AND_BOB = b"TACIT:VERIFY/1/MSKRKS4RYYXMC7KYW3ZKOD7YAGCACMIXBF2HVEDUUS6J74Q2TSLQ"
WITH_MALLORY = safety_number(ALICE.public, MALLORY.public)


def test_both_sides_see_the_same_number():
    assert safety_number(BOB.public, ALICE.public) == NUMBER


def test_it_is_sixty_digits_in_twelve_groups():
    assert re.fullmatch(r"[0-9]{60}", NUMBER.digits)
    assert len(NUMBER.groups) == 12
    assert {len(group) for group in NUMBER.groups} == {5}
    assert "".join(NUMBER.groups) == NUMBER.digits


def test_it_does_not_change_from_one_version_to_the_next():
    """People have written it down."""
    assert NUMBER.digits == DIGITS_OF_ALICE_AND_BOB
    assert NUMBER.qr == QR_OF_ALICE_AND_BOB


def test_one_half_belongs_to_each_account():
    halves = {NUMBER.digits[:30], NUMBER.digits[30:]}
    others = {WITH_MALLORY.digits[:30], WITH_MALLORY.digits[30:]}
    assert len(halves & others) == 1


def test_numbers_and_codes_of_different_pairs_differ():
    people = [account(seed).public for seed in range(12)]
    numbers = [safety_number(one, other) for index, one in enumerate(people) for other in people[index + 1 :]]
    assert len({number.digits for number in numbers}) == len({number.qr for number in numbers}) == 66


def test_the_code_uses_only_characters_that_a_qr_code_packs_tightly():
    assert re.fullmatch(rb"TACIT:VERIFY/1/[A-Z2-7]{52}", NUMBER.qr)


def test_a_scanned_code_of_the_same_pair_agrees():
    NUMBER.check_scanned(safety_number(BOB.public, ALICE.public).qr)
    NUMBER.check_scanned(b" " + NUMBER.qr.lower() + b"\n")


def test_typed_digits_agree_however_they_are_grouped():
    NUMBER.check_digits(" ".join(NUMBER.groups))
    NUMBER.check_digits(NUMBER.digits)
    NUMBER.check_digits("\n".join(NUMBER.groups) + "\n")
    NUMBER.check_digits("-".join(NUMBER.groups))


def test_somebody_in_the_middle_shows():
    with pytest.raises(SafetyNumberMismatch):
        NUMBER.check_scanned(WITH_MALLORY.qr)
    with pytest.raises(SafetyNumberMismatch):
        NUMBER.check_digits(WITH_MALLORY.digits)
    last = str((int(NUMBER.digits[-1]) + 1) % 10)
    with pytest.raises(SafetyNumberMismatch):
        NUMBER.check_digits(NUMBER.digits[:-1] + last)


@pytest.mark.parametrize(
    "qr", [b"", b"TACIT:VERIFY/1/", NUMBER.qr[:-1], NUMBER.qr + b"A", b"https://example.org/" + b"A" * 47]
)
def test_another_code_is_called_that_and_not_a_mismatch(qr: bytes):
    with pytest.raises(BadSafetyNumber):
        NUMBER.check_scanned(qr)


@pytest.mark.parametrize("text", ["", "12345", NUMBER.digits[:-1], NUMBER.digits + "0", "x" * 60, "١" * 60])
def test_other_text_is_called_that_and_not_a_mismatch(text: str):
    with pytest.raises(BadSafetyNumber):
        NUMBER.check_digits(text)
