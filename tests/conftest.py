"""What all tests share: how laws are tried, and what reaches the scorer."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from onnx_affscore import local, site_scores
from onnx_affscore.records import PairedSample, SiteScore

# A machine that is busy with other tests is no failure; the rest is as hypothesis has it.
settings.register_profile("affscore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("affscore")


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[PairedSample]:
    """The samples that reach the scorer, in the order of the sites."""
    seen: list[PairedSample] = []
    score = site_scores.score_sample  # type: ignore[attr-defined]

    def spy(sample: PairedSample, **options: Any) -> SiteScore:
        seen.append(sample)
        found: SiteScore = score(sample, **options)
        return found

    monkeypatch.setattr(site_scores, "score_sample", spy)
    # Threads would reach it in an order of their own.
    monkeypatch.setattr(local, "automatic_jobs", lambda _sites: 1)
    return seen
