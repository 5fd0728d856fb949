"""Client slots: nobody takes what all need."""

import pytest

from whisper_appliance.core import request_turn
from whisper_appliance.core.errors import Busy
from whisper_appliance.web.limits.client_slots import ClientSlots


def test_one_client_cannot_take_all_slots() -> None:
    refused: list[str] = []
    slots = ClientSlots("event_streams", 3, 2, on_refused=refused.append)
    with slots.hold("ann"), slots.hold("ann"):
        with pytest.raises(Busy, match="You have too many"):
            slots.acquire("ann")
        with slots.hold("ben"):
            assert not slots.try_acquire("cat")
            assert slots.in_use == 3
    assert slots.in_use == 0
    assert refused == ["event_streams", "event_streams"]


def test_a_released_slot_is_free_again() -> None:
    slots = ClientSlots("sockets", 1, 1)
    slots.acquire("ann")
    with pytest.raises(Busy):
        slots.check("ben")
    slots.release("ann")
    assert slots.try_acquire("ben")


def test_a_client_with_a_slot_leaves_its_turn_to_its_next_request() -> None:
    left = []
    slots = ClientSlots("streams", limit=1, per_client=1)
    with request_turn.left_by(lambda: left.append("turn")):
        slots.acquire("a")
        assert left == ["turn"]
        assert not slots.try_acquire("b"), "who gets none does not wait"
        assert left == ["turn"]
    slots.release("a")
    slots.acquire("a")
    assert left == ["turn"], "outside of a request there is none"
