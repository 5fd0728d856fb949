"""Everything that a user owns, in all packages: erases it, or transfers it to another user."""

from collections.abc import Callable

from whisper_appliance.library.ownership import TranscriptOwnership
from whisper_appliance.storage.database import Connection


class AllOwnedData:
    """Transcripts, recordings and jobs in the database, and open live sessions."""

    def __init__(
        self,
        owners: TranscriptOwnership,
        *,
        end_live: Callable[[str], None] = lambda owner: None,
        give_live: Callable[[str, str], None] = lambda owner, heir: None,
        forget: Callable[[str, tuple[str, ...]], None] = lambda owner, ids: None,
    ) -> None:
        """Takes the hooks of packages that also store something.

        `end_live` cancels the live sessions of an owner, `give_live` transfers them, `forget` removes the
        usage counters of an owner and the shares of erased transcripts.
        """
        self._owners = owners
        self._end_live = end_live
        self._give_live = give_live
        self._forget = forget

    def erase(self, connection: Connection, owner: str) -> Callable[[], None]:
        """Deletes everything of an owner for good; returns what follows the transaction.

        That also erases what was added until the transaction ended.
        """
        erased = self._owners.erase_rows(connection, owner)

        def finish() -> None:
            self._end_live(owner)
            self._owners.remove_files(erased)
            self._forget(owner, (*erased.transcripts, *self._owners.erase(owner)))

        return finish

    def transfer(self, connection: Connection, owner: str, heir: str) -> Callable[[], None]:
        """Transfers everything of an owner to `heir`; returns what follows the transaction.

        That also transfers what was added until the transaction ended.
        """
        foreign = self._owners.transfer_rows(connection, owner, heir)

        def finish() -> None:
            self._give_live(owner, heir)
            self._owners.remove_files(foreign)
            self._owners.transfer(owner, heir)

        return finish
