"""The decoder of models/text goes on from its cache as if it had read everything at once."""

import numpy as np
import pytest

from tests.zoo.test_text import ROUNDING
from tests.zoo.text_models import FEEDS, Array, padded, run, sentences

NAME = "torch_decoder"
ROWS = [row for row in sentences() if 12 <= len(row) <= 40][:6]


def in_two(ids: Array, first: int) -> Array:
    """Return the logits of ids (n, t) read in two parts, the first of ``first`` tokens."""
    whole = FEEDS[NAME](ids)
    head = {
        name: value if name.startswith("past") else value[:, :first]
        for name, value in whole.items()
    }
    begun = run(NAME, head)
    past = {
        name: begun[name.replace("past_key_values", "present")]
        for name in whole
        if name.startswith("past")
    }
    rest = {
        "input_ids": ids[:, first:],
        "attention_mask": whole["attention_mask"],
        "position_ids": whole["position_ids"][:, first:],
    }
    return np.concatenate([begun["logits"], run(NAME, {**rest, **past})["logits"]], axis=1)


@pytest.mark.parametrize("left", [False, True], ids=["padded behind", "padded before"])
@pytest.mark.parametrize("first", [1, 7, 11])
def test_two_halves_with_a_cache_equal_one_run(first: int, left: bool) -> None:
    ids = padded(ROWS, left=left)
    real = ids != 0
    wanted = run(NAME, FEEDS[NAME](ids))["logits"][real]
    np.testing.assert_allclose(in_two(ids, first)[real], wanted, rtol=0, atol=ROUNDING)


def test_one_token_at_a_time_equals_one_run() -> None:
    ids = padded(ROWS[:2])
    feed = FEEDS[NAME](ids)
    past = {name: value for name, value in feed.items() if name.startswith("past")}
    steps = []
    for t in range(ids.shape[1]):
        now = {
            "input_ids": ids[:, t : t + 1],
            "attention_mask": feed["attention_mask"][:, : t + 1],
            "position_ids": feed["position_ids"][:, t : t + 1],
        }
        found = run(NAME, {**now, **past})
        steps.append(found["logits"])
        past = {name: found[name.replace("past_key_values", "present")] for name in past}
    real = ids != 0
    wanted = run(NAME, feed)["logits"]
    np.testing.assert_allclose(np.concatenate(steps, 1)[real], wanted[real], rtol=0, atol=ROUNDING)


def test_a_cache_of_other_sentences_gives_other_words() -> None:
    """The tooth of the tests above: what the cache holds does count."""
    ids = padded(ROWS)
    feed = FEEDS[NAME](ids)
    cached = run(NAME, feed)
    wide = {
        "input_ids": ids[:, :4],
        "attention_mask": np.concatenate([feed["attention_mask"], np.ones((6, 4), np.int64)], 1),
        "position_ids": feed["attention_mask"].sum(1, keepdims=True) + np.arange(4),
    }
    past = {
        name: cached[name.replace("past_key_values", "present")] for name in feed if "past" in name
    }
    turned = {name: np.roll(value, 1, axis=0) for name, value in past.items()}
    gap = run(NAME, {**wide, **past})["logits"] - run(NAME, {**wide, **turned})["logits"]
    assert np.abs(gap).max() > 100 * ROUNDING


def test_later_words_do_not_change_what_is_said_of_earlier_ones() -> None:
    ids = np.array([ROWS[0]])
    other = np.concatenate([ids[:, :8], np.array([ROWS[1]])[:, 8:12]], axis=1)
    found, wanted = (run(NAME, FEEDS[NAME](x))["logits"][0] for x in (other, ids))
    np.testing.assert_allclose(found[:8], wanted[:8], rtol=0, atol=ROUNDING)
    assert np.abs(found[8:12] - wanted[8:12]).max() > 100 * ROUNDING
