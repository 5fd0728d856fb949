"""Retention of ended sessions."""

from whisper_appliance.live.recently_ended import MAX_SESSIONS, RecentlyEnded


def test_old_sessions_and_the_oldest_above_the_maximum_expire() -> None:
    moment = [0.0]
    over = RecentlyEnded(lambda: 600.0, lambda: moment[0])
    over.add("first")
    moment[0] = 300.0
    over.add("second")
    assert over.expired() == []
    moment[0] = 601.0
    assert over.expired() == ["first"]
    over.discard("first")
    assert "first" not in over
    assert "second" in over
    for number in range(MAX_SESSIONS):
        over.add(str(number))
    assert over.expired() == ["second"]
