"""Encryption with a passphrase in the age format (age-encryption.org/v1: scrypt recipient, STREAM payload).

Written here, because a backup is larger than memory, and pyrage, the library for Python (1.4), streams only
with keys: with a passphrase it wants all of it in memory. The primitives are those of `cryptography`. A file
that pyrage wrote is the test in both directions: the same random bytes give the same file.
"""

import base64
import os
import re
from collections.abc import Callable, Iterable, Iterator

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from whisper_appliance.core.errors import InvalidRequest

Read = Callable[[int], bytes]

MAGIC = b"age-encryption.org/v1\n"
HEADER = re.compile(
    rb"age-encryption\.org/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n"
    rb"([A-Za-z0-9+/]{43})\n--- ([A-Za-z0-9+/]{43})\n"
)
MAX_HEADER_BYTES = 256
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
NONCE_BYTES = 16
WORK_FACTOR = 17
"""log2 of scrypt's N: 128 MiB of memory for each attempt."""
MAX_WORK_FACTOR = 18
DAMAGED = "This backup is damaged or incomplete, so nothing of it was used. Download it again."


def encrypted_size(size_bytes: int) -> int:
    """Returns the size of `size_bytes` after `encrypt`."""
    chunks = max(1, -(-size_bytes // CHUNK_BYTES))
    return len(_header(bytes(16), bytes(32), bytes(16))) + NONCE_BYTES + size_bytes + chunks * TAG_BYTES


def encrypt(plain: Iterable[bytes], passphrase: str, random: Read = os.urandom) -> Iterator[bytes]:
    """Yields `plain`, encrypted, in pieces."""
    file_key, salt, nonce = random(16), random(16), random(NONCE_BYTES)
    wrapped = ChaCha20Poly1305(_wrap_key(passphrase, salt, WORK_FACTOR)).encrypt(bytes(12), file_key, None)
    yield _header(salt, wrapped, file_key) + nonce
    cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    number = 0
    waiting = bytearray()
    for piece in plain:
        waiting += piece
        while len(waiting) > CHUNK_BYTES:  # the last chunk is marked, so one stays until the end
            yield cipher.encrypt(_nonce(number, last=False), bytes(waiting[:CHUNK_BYTES]), None)
            del waiting[:CHUNK_BYTES]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(waiting), None)


def decrypted(read: Read, passphrase: str | None) -> Read:
    """Returns a `read` of the plain content; content that is not encrypted is returned as it is.

    Every piece is authenticated before it is returned. Raises `InvalidRequest` for a missing or wrong
    passphrase, and while reading, for damaged content.
    """
    head = _read_full(read, len(MAGIC))
    if head != MAGIC:
        return with_head(head, read)
    if not passphrase:
        raise InvalidRequest("This backup is encrypted. Enter its passphrase.")
    for _ in range(3):
        head += _read_line(read)
    file_key = _unwrap(head, passphrase)
    nonce = _read_full(read, NONCE_BYTES)
    return _Buffered(_decrypt_chunks(read, _derive(file_key, nonce, b"payload"))).read


def with_head(head: bytes, read: Read) -> Read:
    """Returns a `read` that returns `head` again, before the rest."""
    return _Buffered(_first(head, read)).read


def _unwrap(header: bytes, passphrase: str) -> bytes:
    found = HEADER.fullmatch(header)
    if found is None or int(found[2]) > MAX_WORK_FACTOR:
        raise InvalidRequest("This file is not encrypted with a passphrase that the appliance can use.")
    salt, wrapped, mac = (base64.b64decode(found[group] + b"==") for group in (1, 3, 4))
    try:
        key = _wrap_key(passphrase, salt, int(found[2]))
        file_key = ChaCha20Poly1305(key).decrypt(bytes(12), wrapped[:32], None)
    except InvalidTag as error:
        raise InvalidRequest("This is not the passphrase of the backup. Nothing has changed.") from error
    try:
        _mac(file_key, header[: header.index(b"\n---") + 4]).verify(mac[:32])
    except InvalidSignature as error:
        raise InvalidRequest(DAMAGED) from error
    return file_key


def _decrypt_chunks(read: Read, key: bytes) -> Iterator[bytes]:
    cipher = ChaCha20Poly1305(key)
    number = 0
    chunk = _read_full(read, CHUNK_BYTES + TAG_BYTES)
    while True:
        following = _read_full(read, CHUNK_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), chunk, None)
        except InvalidTag as error:
            raise InvalidRequest(DAMAGED) from error
        if not following:
            return
        chunk, number = following, number + 1


class _Buffered:
    """Pieces as something to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes, none at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        part, self._left = self._left[:size], self._left[size:]
        return bytes(part)


def _first(head: bytes, read: Read) -> Iterator[bytes]:
    yield head
    while piece := read(CHUNK_BYTES):
        yield piece


def _read_full(read: Read, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _read_line(read: Read) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < MAX_HEADER_BYTES and (byte := read(1)):
        line += byte
    return bytes(line)


def _header(salt: bytes, wrapped: bytes, file_key: bytes) -> bytes:
    start = MAGIC + b"-> scrypt %s %d\n%s\n---" % (_base64(salt), WORK_FACTOR, _base64(wrapped))
    return start + b" " + _base64(_mac(file_key, start).finalize()) + b"\n"


def _mac(file_key: bytes, text: bytes) -> hmac.HMAC:
    mac = hmac.HMAC(_derive(file_key, b"", b"header"), hashes.SHA256())
    mac.update(text)
    return mac


def _wrap_key(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    scrypt = Scrypt(salt=b"age-encryption.org/v1/scrypt" + salt, length=32, n=2**work_factor, r=8, p=1)
    return scrypt.derive(passphrase.encode())


def _derive(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=purpose).derive(key)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _base64(content: bytes) -> bytes:
    return base64.b64encode(content).rstrip(b"=")
