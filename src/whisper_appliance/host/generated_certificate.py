"""The generated certificate: issued by the appliance's own CA, renewed before it expires."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cryptography import x509

from whisper_appliance.core.atomic_files import write_private
from whisper_appliance.host import addresses, local_ca
from whisper_appliance.host.certificate_store import CertificateStore, read_key_pair

RENEW_BEFORE = timedelta(days=30)


class GeneratedCertificate:
    """Creates and renews the authority and the server certificate in a store.

    `names` returns the current names and addresses of this machine, which change.
    """

    def __init__(
        self, store: CertificateStore, names: Callable[[], Sequence[str]], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._names = names
        self._clock = clock

    def names(self) -> list[str]:
        """The names that the certificate has to contain, as certificates spell them."""
        names = (local_ca.canonical_host_name(name) for name in self._names())
        return list(dict.fromkeys(name for name in names if name))

    def renew(self, *, force: bool = False) -> bool:
        """Renews the certificate if it is missing, damaged, expires soon, or lacks a name; True if it did."""
        names = self.names()
        with self._store.locked():
            ca = self._authority(names)
            current = read_key_pair(self._store.generated)
            if not force and current and self._is_current(current.certificate, ca.certificate, names):
                return False
            server = local_ca.sign_server_certificate(ca, addresses.host_name(), names, self._clock())
            write_private(self._store.generated, server.pem(ca.certificate))
        return True

    def make_if_missing(self) -> None:
        """Creates the certificate if it is missing or damaged. One that is due stays: readers call this."""
        if read_key_pair(self._store.generated) is None:
            self.renew()

    def ca_pem(self) -> bytes:
        """The certificate of the authority in use as PEM, for devices to trust."""
        with self._store.locked():
            authority = read_key_pair(self._store.authority) or self._authority(self.names())
            return local_ca.certificate_pem(authority.certificate)

    def _authority(self, names: Sequence[str]) -> local_ca.KeyPair:
        """The stored authority, or a new one if it cannot sign `names` for a server certificate's life."""
        current = read_key_pair(self._store.authority)
        if current:
            life_left = current.certificate.not_valid_after_utc - self._clock()
            lasts = life_left > timedelta(days=local_ca.SERVER_DAYS)
            if lasts and local_ca.may_sign(current.certificate, names):
                return current
        new = local_ca.create_authority(addresses.host_name(), names, self._clock())
        write_private(self._store.authority, new.pem())
        return new

    def _is_current(self, server: x509.Certificate, ca: x509.Certificate, names: Sequence[str]) -> bool:
        return (
            server.not_valid_after_utc - self._clock() > RENEW_BEFORE
            and set(names) <= set(local_ca.names_of(server))
            and server.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
            == ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        )
