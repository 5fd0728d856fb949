"""What a user owns, in every room that keeps something: erased, or given to another."""

from collections.abc import Callable

from whisper_appliance.library.ownership import Owners


class Everything:
    """Transcripts, recordings and jobs, in the database; live sessions, where they go on."""

    def __init__(
        self,
        owners: Owners,
        *,
        end_live: Callable[[str], None] = lambda owner: None,
        give_live: Callable[[str, str], None] = lambda owner, heir: None,
        forget: Callable[[str, tuple[str, ...]], None] = lambda owner, ids: None,
    ) -> None:
        """`end_live` ends the live sessions of an owner, of which nothing is kept, and `give_live` makes them
        an heir's; `forget` removes what else is known of an owner and of the transcripts that were erased."""
        self._owners = owners
        self._end_live = end_live
        self._give_live = give_live
        self._forget = forget

    def erase(self, owner: str) -> None:
        """Removes all of it for good."""
        self._end_live(owner)
        self._forget(owner, self._owners.erase(owner))

    def hand_over(self, owner: str, heir: str) -> None:
        """Makes all of it `heir`'s."""
        self._give_live(owner, heir)
        self._owners.hand_over(owner, heir)
