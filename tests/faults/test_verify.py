"""A comparison of outputs that cannot be made costs the comparison, not the scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.errors import AllocationError, ProviderError, RunError
from onnx_affscore.measurement import Measurement
from onnx_affscore.run import verify
from tests.faults.graphs import FEW, two_sites


@pytest.mark.parametrize("error", [AllocationError, RunError, ProviderError])
@pytest.mark.parametrize("level", ["all", "disabled"])
def test_a_plain_model_that_does_not_run_leaves_the_scores(
    level: str, error: type[RunError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plain session fails where it is opened for the second time, or without optimisation."""
    path = two_sites().save(tmp_path / "model.onnx")
    plain = signature(path, FEW, metrics=())
    open_session, opened = Measurement.session, []

    def session(self: Measurement, proto: Any, **options: Any) -> Any:
        if proto is self.model.proto:
            opened.append(options.get("optimisation", "all"))
            if opened[-1] == level and opened.count(level) + (level == "disabled") == 2:
                raise error("no kernel for Gemm(9)")
        return open_session(self, proto, **options)

    monkeypatch.setattr(Measurement, "session", session)
    # As where a fusion is lost: the first comparison finds other bits, so that more runs follow.
    same, asked = verify._same, []

    def other(a: Any, b: Any) -> bool:
        asked.append(1)
        return len(asked) > 1 and same(a, b)

    monkeypatch.setattr(verify, "_same", other)
    found = signature(path, FEW, metrics=())
    np.testing.assert_array_equal(found.values, plain.values)
    assert not found.run["outputs_verified"]
    (warning,) = [w for w in found.warnings if "outputs not compared" in w]
    assert "no kernel for Gemm(9)" in warning
