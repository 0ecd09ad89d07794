"""Tokens are counted exactly where the encoding is known, and otherwise as a range that holds the truth."""

from __future__ import annotations

import importlib.util

import pytest

from rowbatch.core import tokens
from rowbatch.core.tokens import (
    PER_ANSWER,
    PER_MESSAGE,
    estimate_tokens,
    prompt_tokens,
    token_counter,
    token_range,
)

TEXTS = {
    "english": "The council decided last night that the bus fares will go up again in spring, although many "
    "people had asked them not to. I think it is unfair to pupils and pensioners.",
    "slang": "omg cant believe they closed the lib again lol #fail @council smh 😂😂 http://t.co/xyz123AbC",
    "german": "Der Gemeinderat hat gestern Abend beschlossen, dass die Fahrpreise erneut steigen.",
    "french": "Le conseil municipal a décidé hier soir que les tarifs des bus augmenteraient au printemps.",
    "spanish": "El ayuntamiento decidió anoche que las tarifas del autobús subirán otra vez en primavera.",
    "polish": "Rada miasta zdecydowała wczoraj wieczorem, że wiosną ceny biletów autobusowych znów wzrosną.",
    "turkish": "Belediye meclisi dün gece otobüs ücretlerinin ilkbaharda yeniden artmasına karar verdi.",
    "russian": "Городской совет вчера вечером решил, что весной проезд на автобусе снова подорожает.",
    "arabic": "قرر مجلس المدينة الليلة الماضية أن ترتفع أسعار تذاكر الحافلات مرة أخرى في الربيع",
    "hindi": "नगर परिषद ने कल रात फैसला किया कि वसंत में बस का किराया फिर से बढ़ेगा।",
    "chinese": "市议会昨晚决定明年春天公交车票价将再次上涨，尽管许多市民表示反对。",
    "japanese": "市議会は昨夜、多くの市民が反対していたにもかかわらず、来春に値上げすることを決定した。",
    "korean": "시의회는 어젯밤 많은 시민들이 반대했음에도 불구하고 버스 요금을 인상하기로 결정했다.",
    "thai": "เมื่อคืนนี้สภาเทศบาลมีมติให้ขึ้นค่าโดยสารรถประจำทางอีกครั้ง",
    "numbers": "12345678 3.14159 2026-11-23 +49 30 1234567",
    "json": '{"id": 17, "label": "economy", "score": 0.8731, "tags": ["a", "b"]}',
    "emoji": "😀😃😄😁😆 😅🤣😂🙂🙃",
}
needs_tokens = pytest.mark.skipif(
    importlib.util.find_spec("quicktok") is None, reason="the extra `tokens` is not installed"
)


@needs_tokens
@pytest.mark.parametrize("name", TEXTS)
def test_the_range_of_an_estimate_holds_the_truth(name):
    """
    In every language and kind of text that was tried, the true count lies within the range.
    """
    truth = token_counter("o200k_base").count(TEXTS[name])
    guess = token_counter("")
    assert not guess.is_exact
    estimate = guess.count(TEXTS[name])
    assert guess.low(estimate) <= truth <= guess.high(estimate)


@needs_tokens
def test_known_counts():
    """
    Counts that tiktoken gives; what looks like a special token is text.
    """
    counter = token_counter("o200k_base")
    assert counter.is_exact
    assert counter.count("hello world") == 2
    assert counter.count("") == 0
    assert counter.count("<|endoftext|>") > 1
    assert counter.low(7) == counter.high(7) == 7


def test_an_encoding_that_nobody_knows_is_an_estimate():
    """
    Without an encoding there is a range.
    """
    assert token_counter("").encoding == ""
    assert estimate_tokens("") == 0
    assert estimate_tokens("x") == 1


def test_the_tokens_of_a_prompt():
    """
    Each message has a frame, the answer is primed; parts that are no text count nothing.
    """

    def count(text: str) -> int:
        return len(text)

    chat = {"messages": [{"role": "user", "content": "abcd"}]}
    assert prompt_tokens(chat, count) == PER_MESSAGE + 4 + 4 + PER_ANSWER
    parts = [{"type": "text", "text": "ab"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert (
        prompt_tokens({"messages": [{"role": "user", "content": parts}]}, count)
        == PER_MESSAGE + 6 + PER_ANSWER
    )
    assert prompt_tokens({"input": "abc"}, count) == 3
    assert prompt_tokens({"input": ["abc", "d"]}, count) == 4
    assert prompt_tokens({"instructions": "ab", "input": "c"}, count) == 2 + PER_MESSAGE + 1
    assert prompt_tokens({}, count) == 0


@needs_tokens
def test_a_range_needs_no_tokenizer(monkeypatch):
    """
    It takes 0.7 s of CPU to read one; what a sum can be in truth is known without.
    """
    counted, guessed = token_counter("o200k_base"), token_counter("")
    monkeypatch.setattr(tokens, "_tokenizer", lambda encoding: pytest.fail(f"{encoding} is read"))
    for encoding, counter in (("o200k_base", counted), ("", guessed)):
        assert token_range(encoding, 1_000, 10) == (counter.low_of_high(1_000, 10), 1_000)
