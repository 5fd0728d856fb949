"""For how long recordings are kept: by the settings, and by the choice of their owner."""

import pytest

from whisper_appliance.app.audio_retention import days_kept
from whisper_appliance.config.settings import load


@pytest.mark.parametrize(
    ("keep", "days", "chosen", "has_account", "kept"),
    [
        ("accounts", 30, None, True, 30),
        ("accounts", 30, None, False, 0),
        ("everyone", 30, None, False, 30),
        ("nobody", 30, 7, True, 0),
        ("accounts", 30, 0, True, 0),
        ("accounts", 30, 7, True, 7),
        ("accounts", 30, 90, True, 30),
        ("accounts", 0, None, True, None),
        ("accounts", 0, 90, True, 90),
        ("true", 0, None, False, None),
        ("off", 30, None, True, 0),
    ],
)
def test_an_owner_can_choose_fewer_days_than_the_appliance_allows(
    keep: str, days: int, chosen: int | None, has_account: bool, kept: int | None
) -> None:
    settings = load(keep_audio=keep, audio_retention_days=days)
    assert days_kept(settings, chosen, has_account=has_account) == kept
