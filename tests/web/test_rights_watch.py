"""Open connections are checked one by one, whatever the check of another one does."""

from whisper_appliance.core.errors import ApplianceError, NotAllowed
from whisper_appliance.web.rights_watch import RightsWatch


def refuse() -> None:
    raise NotAllowed("You may do this no more.")


def break_down() -> None:
    raise RuntimeError("nobody expects this")


def test_a_check_that_breaks_down_neither_ends_its_connection_nor_keeps_others_open() -> None:
    watch = RightsWatch()
    ended: list[tuple[str, str]] = []

    def open_connection(name: str) -> None:
        def note(error: ApplianceError) -> None:
            ended.append((name, error.code))

        watch.add(name, break_down if name == "broken" else refuse, note)

    open_connection("broken")
    open_connection("refused")
    watch.check_all()
    watch.check_all()
    assert ended == [("refused", "not_allowed")]
