"""One cluster of two workers for all tests that leave it as it was."""

from collections.abc import Iterator

import pytest

from tests.cluster.machines import Machines


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with Machines(tmp_path_factory.mktemp("cluster"), workers=2) as machines:
        yield machines
