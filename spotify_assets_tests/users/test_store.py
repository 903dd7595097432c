"""Sign-ins are kept encrypted, used by one process at a time, and announced before they end."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from spotify_assets.sources.protocol import SignInRefused
from spotify_assets.users import store
from spotify_assets.users.store import UserTokens
from spotify_assets.users.token_encryption import KEY_FILE, KeyProblem, TokenEncryption
from spotify_assets.warehouse.connection import Warehouse

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TOKEN = "canary-refresh-token"


def sign_in(
    warehouse: Warehouse, home: Path, user: str = "me", ends: datetime = NOW + timedelta(180)
) -> None:
    store.sign_in(
        warehouse, TokenEncryption(home), source="spotify", user_id=user, display_name=user.title(),
        scopes=("user-top-read",), authorised_at=NOW - timedelta(1), expires_at=ends,
        refresh_token=SecretStr(TOKEN),
    )  # fmt: skip


def stored(warehouse: Warehouse) -> str:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select t::text || encode(refresh_token, 'escape') from ops.users as t")
        return "".join(row[0] for row in cursor.fetchall())


def test_the_token_is_encrypted_with_a_key_that_only_its_owner_can_read(
    warehouse: Warehouse, home: Path
) -> None:
    sign_in(warehouse, home)
    assert TOKEN not in stored(warehouse)
    key = home / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().strip() not in stored(warehouse)
    assert [path.name for path in home.iterdir()] == [KEY_FILE]
    with UserTokens(warehouse, TokenEncryption(home), "spotify").hold("me") as held:
        assert held.refresh_token.get_secret_value() == TOKEN
        assert TOKEN not in repr(held.refresh_token)


def test_a_new_token_is_kept_at_once_and_the_rest_stays(warehouse: Warehouse, home: Path) -> None:
    sign_in(warehouse, home)
    (before,) = store.users(warehouse)
    tokens = UserTokens(warehouse, TokenEncryption(home), "spotify")

    def replace_and_fail() -> None:
        with tokens.hold("me") as held:
            held.replace(SecretStr("another"))
            raise RuntimeError("killed right after")

    with pytest.raises(RuntimeError):
        replace_and_fail()
    with tokens.hold("me") as held:
        assert held.refresh_token.get_secret_value() == "another"
    assert store.users(warehouse) == [before], "refreshing does not lengthen a sign-in"


def test_one_process_at_a_time_uses_a_token(warehouse: Warehouse, home: Path) -> None:
    sign_in(warehouse, home)
    tokens = UserTokens(warehouse, TokenEncryption(home), "spotify")
    order: list[str] = []
    started = threading.Event()

    def other() -> None:
        started.set()
        with tokens.hold("me") as held:
            order.append(held.refresh_token.get_secret_value())

    with tokens.hold("me") as held:
        thread = threading.Thread(target=other)
        thread.start()
        started.wait()
        thread.join(0.2)
        order.append("first")
        held.replace(SecretStr("second token"))
    thread.join()
    assert order == ["first", "second token"]


def test_an_ended_sign_in_says_so_until_the_user_signs_in_again(warehouse: Warehouse, home: Path) -> None:
    sign_in(warehouse, home)
    tokens = UserTokens(warehouse, TokenEncryption(home), "spotify")
    with tokens.hold("me") as held:
        held.end("it was revoked: spotify-assets login")
    with pytest.raises(SignInRefused, match="revoked"), tokens.hold("me"):
        pass
    (user,) = store.users(warehouse)
    assert user.has_ended(NOW)
    sign_in(warehouse, home)
    (user,) = store.users(warehouse)
    assert not user.has_ended(NOW)


def test_who_is_not_signed_in_is_told_how(warehouse: Warehouse, home: Path) -> None:
    with (
        pytest.raises(SignInRefused, match="spotify-assets login"),
        UserTokens(warehouse, TokenEncryption(home), "spotify").hold("nobody"),
    ):
        pass


@pytest.mark.parametrize(
    ("left", "now"),
    [
        (timedelta(days=15), None),
        (timedelta(days=14), "ends soon"),
        (timedelta(hours=3), "ends soon"),
        (timedelta(0), "has ended"),
    ],
)
def test_the_end_is_announced_two_weeks_ahead(
    warehouse: Warehouse, home: Path, left: timedelta, now: str | None
) -> None:
    sign_in(warehouse, home, ends=NOW + left)
    (user,) = store.users(warehouse)
    assert (user.has_ended(NOW), user.ends_soon(NOW)) == (now == "has ended", now == "ends soon")


@pytest.mark.parametrize("spoil", ["gone", "open", "other", "rubbish"])
def test_a_key_that_cannot_be_used_says_what_to_do(warehouse: Warehouse, home: Path, spoil: str) -> None:
    sign_in(warehouse, home)
    key = home / KEY_FILE
    if spoil == "gone":
        key.unlink()
    elif spoil == "open":
        key.chmod(0o644)
    elif spoil == "other":
        key.unlink()
        TokenEncryption(home).encrypt(SecretStr("x"))
    else:
        key.write_text("rubbish")
    with (
        pytest.raises(KeyProblem) as caught,
        UserTokens(warehouse, TokenEncryption(home), "spotify").hold("me"),
    ):
        pass
    assert "login" in str(caught.value) or "chmod 600" in str(caught.value)
    if spoil != "open":
        assert "rubbish" not in str(caught.value)


def test_two_processes_that_make_the_key_at_once_agree(home: Path) -> None:
    vaults = [TokenEncryption(home) for _ in range(8)]
    encrypted: list[bytes] = []
    threads = [
        threading.Thread(target=lambda vault=vault: encrypted.append(vault.encrypt(SecretStr("x"))))
        for vault in vaults
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {vaults[0].decrypt(one).get_secret_value() for one in encrypted} == {"x"}
    assert len(encrypted) == 8
