"""Sessions that have ended can be asked for, for a while."""

from whisper_appliance.live.recently_ended import MOST, Lingering


def test_those_whose_time_is_over_and_the_first_of_too_many_are_past() -> None:
    moment = [0.0]
    over = Lingering(lambda: 600.0, lambda: moment[0])
    over.add("first")
    moment[0] = 300.0
    over.add("second")
    assert over.past() == []
    moment[0] = 601.0
    assert over.past() == ["first"]
    over.discard("first")
    assert "first" not in over
    assert "second" in over
    for number in range(MOST):
        over.add(str(number))
    assert over.past() == ["second"]
