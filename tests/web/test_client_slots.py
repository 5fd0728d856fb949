"""Client slots: nobody takes what all need."""

import pytest

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
