"""Jobs share the cores of the machine, and no score depends on how many there are."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from onnx_affscore.records import PairedSample
from onnx_affscore.score import score_sample
from onnx_affscore.threads import cores, shared_cores
from tests.score.oracles import EPS32, paired


def blas_threads() -> list[int]:
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]


@pytest.mark.parametrize("jobs", [1, 2, 3, 64])
def test_jobs_times_blas_threads_never_exceed_the_cores(jobs: int) -> None:
    before = blas_threads()
    assert before
    with shared_cores(jobs) as share:
        assert all(1 <= threads <= share for threads in blas_threads())
        assert share == 1 or jobs * share <= cores()
    assert blas_threads() == before


def test_a_lower_limit_that_is_there_stays() -> None:
    with threadpool_limits(1, user_api="blas"), shared_cores(1):
        assert set(blas_threads()) == {1}


def test_the_limit_is_taken_back_after_an_error() -> None:
    before = blas_threads()
    with pytest.raises(ZeroDivisionError), shared_cores(64):
        _ = 1 / 0
    assert blas_threads() == before


def samples() -> list[PairedSample]:
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape) for shape in ((300, 8), (300, 90), (80, 120), (300, 3))]
    return [paired(x, np.maximum(x, 0.0), EPS32) for x in inputs]


def test_scores_are_equal_to_the_bit_whatever_the_jobs() -> None:
    """At one number of BLAS threads; which numbers those are changes rounding only."""
    alone = [score_sample(sample).scores for sample in samples()]
    for jobs in (1, 4):
        with threadpool_limits(1, user_api="blas"), shared_cores(jobs):
            with ThreadPoolExecutor(jobs) as pool:
                found = [site.scores for site in pool.map(score_sample, samples())]
            serial = [score_sample(sample).scores for sample in samples()]
        assert found == serial
        for ours, theirs in zip(found, alone, strict=True):
            numbers = {key: value for key, value in theirs.items() if isinstance(value, float)}
            # Rounding through condition numbers of up to 1e6.
            assert {key: ours[key] for key in numbers} == pytest.approx(numbers, rel=1e-10)
    shifted = samples()[0]
    other = score_sample(paired(shifted.x.features, shifted.x.features, EPS32)).scores
    assert other != alone[0]  # the tooth
