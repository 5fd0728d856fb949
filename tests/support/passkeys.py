"""A device with a passkey, in software: it answers the options of the API as a browser does."""

import base64
import hashlib
import os
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

UNLOCKED = AuthenticatorData.FLAG.USER_PRESENT | AuthenticatorData.FLAG.USER_VERIFIED


class Device:
    """One passkey. `count` is its signature counter; 0 stays, as on devices that synchronise passkeys."""

    def __init__(self, origin: str = "https://localhost", host: str = "localhost") -> None:
        self.origin = origin
        self.host = host
        self.count = 0
        self.flags = UNLOCKED
        self.credential_id = os.urandom(16)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to the options of a registration."""
        public = ES256.from_cryptography_key(self._key.public_key())  # type: ignore[no-untyped-call] # of fido2
        credential = AttestedCredentialData.create(bytes(Aaguid.NONE), self.credential_id, public)
        flags = self.flags | AuthenticatorData.FLAG.ATTESTED
        data = AuthenticatorData.create(self._host_hash(), flags, self.count, bytes(credential))
        client_data = self._client_data(CollectedClientData.TYPE.CREATE, options)
        attestation = bytes(AttestationObject.create("none", data, {}))
        return self._answer(clientDataJSON=bytes(client_data), attestationObject=attestation)

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to the options of a sign-in."""
        data = AuthenticatorData.create(self._host_hash(), self.flags, self.count)
        client_data = self._client_data(CollectedClientData.TYPE.GET, options)
        signature = self._key.sign(bytes(data) + client_data.hash, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=bytes(client_data), authenticatorData=bytes(data), signature=signature
        )

    def _client_data(self, kind: CollectedClientData.TYPE, options: dict[str, Any]) -> CollectedClientData:
        return CollectedClientData.create(kind, options["challenge"], self.origin)

    def _host_hash(self) -> bytes:
        return hashlib.sha256(self.host.encode()).digest()

    def _answer(self, **response: bytes) -> dict[str, Any]:
        id = _encoded(self.credential_id)
        return {
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": {name: _encoded(data) for name, data in response.items()},
            "clientExtensionResults": {},
        }


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
