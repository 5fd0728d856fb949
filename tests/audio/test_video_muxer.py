"""The packets of a film are copied with decoding times, which some containers do not have for all."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from whisper_appliance.audio.video_muxer import with_decoding_times


def packet(stream: int, pts: int | None, dts: int | None, size: int = 9) -> Any:
    return SimpleNamespace(stream=SimpleNamespace(index=stream), pts=pts, dts=dts, size=size)


def test_a_packet_without_a_decoding_time_gets_one_and_without_any_time_nothing_is_copied() -> None:
    given = [packet(0, 5, None), packet(1, 7, 7), packet(0, 9, None), packet(0, None, None, size=0)]
    found = list(with_decoding_times(cast(Any, given)))
    assert [(each.pts, each.dts) for each in found] == [(5, 5), (7, 7), (9, 5)]
    with pytest.raises(ValueError, match="without a time"):
        list(with_decoding_times([packet(0, None, None)]))
