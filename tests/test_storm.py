"""A small storm (see storm.py, which runs a large one): nothing lost, doubled or asked in vain."""

from pathlib import Path

import pytest
from storm import Storm


@pytest.mark.slow
def test_every_view_is_described_once_whatever_stops_the_run(tmp_path: Path) -> None:
    assert Storm(tmp_path, pictures=4, stops=1, seed=3).run() == []
