"""What an engine has done, counted."""

from whisper_appliance.engines.process.usage import EngineUsage, UsageMeter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_counts_only_while_something_is_worked_on_and_once_for_each_window() -> None:
    clock = Clock()
    meter = UsageMeter(clock)
    clock.now += 5
    meter.set_active(2)
    clock.now += 3
    meter.set_active(1)
    meter.add_window(20.0)
    clock.now += 1
    assert meter.total() == EngineUsage(20.0, 4.0, 7.0, (0, 1, 0))
    meter.set_active(0)
    clock.now += 60
    assert meter.total() == EngineUsage(20.0, 4.0, 7.0, (0, 1, 0))
