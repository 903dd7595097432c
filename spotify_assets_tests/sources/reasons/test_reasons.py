"""Reasons: what codes mean, how they are stored, and what they say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.sources.reasons.old_sentences import from_note, from_sentence
from spotify_assets.sources.reasons.reason import SENTENCES, Reason, ReasonCode, from_json
from spotify_assets_tests.support.oracles.old_reasons import OLD

REASONS = st.builds(Reason, st.sampled_from(ReasonCode), st.text())


@given(REASONS)
def test_a_reason_is_stored_and_read_back(reason: Reason) -> None:
    stored = reason.as_json()
    assert from_json(json.loads(json.dumps(stored))) == reason
    assert from_note("spotify", stored) == reason
    assert stored["code"] == reason.code
    assert ("detail" in stored) == bool(reason.detail)


@given(REASONS)
def test_every_reason_says_something_and_shows_its_detail(reason: Reason) -> None:
    assert reason.sentence
    assert reason.detail in reason.sentence
    assert str(reason.code) not in {reason.sentence} - set(SENTENCES.values())


def test_every_code_has_a_sentence() -> None:
    assert set(SENTENCES) == set(ReasonCode)


def test_what_is_worth_asking_for_again() -> None:
    codes = {code for code in ReasonCode if Reason(code).is_retryable()}
    assert not codes & {"refused", "not_offered", "unidentified", "budget_spent", "cooldown"}
    assert codes >= {"failed", "forbidden", "not_asked", "no_data", "not_found"}
    believed = {code for code in codes if not Reason(code).is_retryable(asked_again=True)}
    assert believed == {"not_found"}, "an upstream that says so twice is believed"


def test_by_what_something_is_lost() -> None:
    assert {code for code in ReasonCode if not code.is_loss} == {"refused", "not_offered", "unidentified"}


def test_columns_that_are_empty_as_they_have_to_be() -> None:
    assert {code for code in ReasonCode if code.is_known_gap} == {"not_published", "not_in_file", "withheld"}
    assert {code for code in ReasonCode if code.is_never_there} == {"not_published", "not_in_file"}


@pytest.mark.parametrize("sentence", OLD)
def test_every_sentence_of_before_has_its_code(sentence: str) -> None:
    assert from_sentence("spotify", sentence).as_json() == OLD[sentence]
    assert from_note("spotify", sentence).as_json() == OLD[sentence]


def test_a_note_without_a_reason() -> None:
    assert from_note("spotify", None) == Reason(ReasonCode.NOT_ASKED)


@given(st.text())
def test_any_sentence_becomes_a_reason(sentence: str) -> None:
    reason = from_sentence("spotify", sentence)
    assert from_json(reason.as_json()) == reason
    assert reason.sentence
