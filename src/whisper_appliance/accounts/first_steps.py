"""Whether the owner has gone through the first steps, a row in the table of setting overrides."""

from whisper_appliance.config.override_rows import OverrideRows

ROW_NAME = "first_steps"


class FirstSteps:
    """They are open from the set-up until somebody finishes them; never on an older installation."""

    def __init__(self, rows: OverrideRows) -> None:
        self._rows = rows

    @property
    def are_open(self) -> bool:
        """Whether there are steps left."""
        return self._rows.text_of(ROW_NAME) == "open"

    def begin(self, by: str) -> None:
        """The owner's account was made. `by` is its id."""
        self._rows.put(ROW_NAME, "open", by)

    def finish(self) -> None:
        """Nobody is reminded of them any more."""
        self._rows.remove(ROW_NAME)
