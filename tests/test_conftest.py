"""What every test relies on."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=2)
@given(st.booleans())
def test_an_example_that_waits_for_a_processor_is_no_failure(value: bool) -> None:
    assert value in (False, True)
    time.sleep(0.25)  # more than hypothesis bears where nobody tells it otherwise
