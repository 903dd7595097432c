"""Encrypting what must not lie in the database in clear, with a key that lies outside it."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from spotify_assets.warehouse.errors import WarehouseError

KEY_FILE = "user-tokens.key"


class KeyProblem(WarehouseError):
    """The key cannot be used; the message says what to do, and never the key."""


class TokenEncryption:
    """Encrypts and decrypts with the key file of one home; made when something is first encrypted."""

    def __init__(self, home: Path) -> None:
        """Name the file; nothing is read or written yet.

        Args:
            home: SPOTIFY_ASSETS_HOME.
        """
        self.path = home / KEY_FILE

    def encrypt(self, secret: SecretStr) -> bytes:
        """Return the secret, encrypted.

        Raises:
            KeyProblem: The key file cannot be made or used.
        """
        return Fernet(self._key(make=True)).encrypt(secret.get_secret_value().encode())

    def decrypt(self, encrypted: bytes) -> SecretStr:
        """Return what was encrypted.

        Raises:
            KeyProblem: The key file is gone, or is not the one it was encrypted with.
        """
        try:
            return SecretStr(Fernet(self._key(make=False)).decrypt(encrypted).decode())
        except InvalidToken:
            raise KeyProblem(
                f"{self.path} is not the key that the sign-in was encrypted with. Restore the file from a "
                "backup, or run `spotify-assets login` again."
            ) from None

    def _key(self, *, make: bool) -> bytes:
        try:
            if make and not self.path.exists():
                self._make()
            mode = stat.S_IMODE(self.path.stat().st_mode)
            key = self.path.read_bytes().strip()
        except FileNotFoundError:
            raise KeyProblem(
                f"{self.path}, the key of the sign-ins, is gone. Restore it from a backup, or run "
                "`spotify-assets login` again."
            ) from None
        except OSError as error:
            raise KeyProblem(f"{self.path} cannot be used: {error.strerror}") from None
        if os.name == "posix" and mode & 0o077:
            raise KeyProblem(
                f"{self.path} can be read by others (mode {mode:o}), so it was not used. Run: chmod 600 "
                f"{self.path}"
            )
        try:
            Fernet(key)
        except ValueError:
            raise KeyProblem(
                f"{self.path} holds no key. Restore it from a backup, or delete it and run `spotify-assets "
                "login` again."
            ) from None
        return key

    def _make(self) -> None:
        """Make the key file whole and closed to others from its first byte; of two at once, one wins."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, self.path)
            except FileExistsError:
                return
        finally:
            temporary.unlink()
