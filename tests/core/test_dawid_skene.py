"""The model of Dawid and Skene, on the data of its paper."""

import pytest

from rowbatch.core.dawid_skene import Pattern, dawid_skene

# Table 1 of the paper: how fit each of 45 patients is for an anaesthetic, on a scale from 1 to 4, by five
# anaesthetists; the first one looked three times. One patient a word: the three, then the other four.
TABLE_1 = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 "
    "2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 "
    "2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 "
    "1111111 1111111 1212111 2322222 1211111 2222222 "
)


def patterns_of(words, looks=3):
    found: dict[Pattern, int] = {}
    for word in words:
        pattern: Pattern = (tuple(word[:looks]), *map(tuple, word[3:]))
        found[pattern] = found.get(pattern, 0) + 1
    return found


def test_the_numbers_of_the_paper():
    """
    Dawid and Skene (1979): the shares of the four classes are .40, .42, .11 and .07, and the error
    rates of the first observer as they print them, to two digits.
    """
    found = dawid_skene(patterns_of(TABLE_1.split()), "1234")
    assert len(TABLE_1.split()) == 45
    assert [round(share, 2) for share in found.shares] == [0.4, 0.42, 0.11, 0.07]
    rates = [[round(rate, 2) for rate in row] for row in found.rates[0]]
    assert rates == [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]
    for posterior in found.posteriors.values():
        assert sum(posterior) == pytest.approx(1)


def test_as_another_library():
    """
    Of the first look alone crowd-kit 1.4.2, `DawidSkene(n_iter=500, tol=-1)`, finds the same shares and the
    same error rates of the first observer, to four digits.
    """
    found = dawid_skene(patterns_of(TABLE_1.split(), looks=1), "1234")
    assert [round(share, 4) for share in found.shares] == [0.4, 0.4126, 0.1208, 0.0667]
    assert [[round(rate, 4) for rate in row] for row in found.rates[0]] == [
        [1, 0, 0, 0],
        [0.0539, 0.9461, 0, 0],
        [0, 0.4479, 0.5521, 0],
        [0, 0, 0.3333, 0.6667],
    ]


def test_many_texts_of_few_patterns_are_as_one():
    """
    How often a pattern stands there counts, and not in how many entries: ten times all texts have the same
    rates; of labels that are as likely an earlier observer's is taken.
    """
    once = patterns_of(TABLE_1.split())
    ten_times = dawid_skene({pattern: 10 * count for pattern, count in once.items()}, "1234")
    for one, other in zip(ten_times.rates, dawid_skene(once, "1234").rates, strict=True):
        assert [*sum(one, ())] == pytest.approx([*sum(other, ())])
    tie = (("b",), ("a",))
    assert dawid_skene({tie: 1}, "ab").decide(tie)[0] == "b"
    with pytest.raises(ValueError, match="nothing was said"):
        dawid_skene({((), ()): 1}, "ab")
