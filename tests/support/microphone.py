"""A browser whose microphone is a recording."""

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, BrowserContext

from tests.support.program import Server

RATE = 48_000
LEAD_SECONDS = 1.0
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
UNTOUCHED = """
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    navigator.mediaDevices.getUserMedia = ({ audio }) => open({ audio: { ...audio, ...asItIs } });
"""
"""Chromium would take clean speech for an echo, or for noise."""


def spoken(recording: Path, path: Path) -> Path:
    """The recording as Chromium wants a microphone's: 48 kHz, one channel, after a moment of silence."""
    with wave.open(str(recording)) as source:
        rate = source.getframerate()
        samples = np.frombuffer(source.readframes(source.getnframes()), np.int16)
    count = len(samples) * RATE // rate
    faster = np.interp(np.arange(count) * rate / RATE, np.arange(len(samples)), samples).astype(np.int16)
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(RATE)
        target.writeframes(np.zeros(round(LEAD_SECONDS * RATE), np.int16).tobytes() + faster.tobytes())
    return path


@contextmanager
def speaking(chromium: Browser, path: str, wav: Path) -> Iterator[Browser]:
    """A browser whose microphone plays this WAV once, from the moment at which it is opened."""
    capture = f"--use-file-for-fake-audio-capture={wav}%noloop"
    browser = chromium.browser_type.launch(executable_path=path, args=[*ARGUMENTS, capture])
    yield browser
    browser.close()


def speaker(browser: Browser, appliance: Server) -> BrowserContext:
    """A context that may use that microphone, without the page's policy, because axe adds styles."""
    context = browser.new_context(
        base_url=appliance.url,
        bypass_csp=True,
        ignore_https_errors=True,
        locale="en-GB",
        viewport={"width": 1100, "height": 800},
        permissions=["microphone", "clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(60_000)
    context.add_init_script(UNTOUCHED)
    return context
