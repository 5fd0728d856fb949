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


def test_a_group_has_half_of_all_slots_whoever_its_clients_are() -> None:
    slots = ClientSlots("event_streams", 6, 2)
    for number in range(3):
        slots.acquire(f"user {number}", "10.0.0.1")
    assert not slots.try_acquire("user 4", "10.0.0.1")
    assert slots.try_acquire("user 4", "10.0.0.2")
    slots.release("user 0", "10.0.0.1")
    slots.check("user 4", "10.0.0.1")


def test_a_slot_joins_a_group_later_and_leaves_it_when_released() -> None:
    slots = ClientSlots("sockets", 2, 1)
    slots.acquire("10.0.0.1")
    slots.acquire("10.0.0.2")
    slots.join("ann")
    with pytest.raises(Busy):
        slots.join("ann")
    slots.release("10.0.0.1", "ann")
    slots.join("ann")
    slots.release("10.0.0.2", "ann")
    assert slots.in_use == 0


def test_a_client_that_is_its_own_group_keeps_its_own_limit() -> None:
    slots = ClientSlots("event_streams", 10, 7)
    for _ in range(7):
        slots.acquire("10.0.0.1", "10.0.0.1")
    assert not slots.try_acquire("10.0.0.1", "10.0.0.1")
