"""Clients of the appliance: `Appliance` and `AsyncAppliance` for programs, and the live protocol.

from whisper_appliance.client import Appliance

with Appliance("https://box.local:5001", key="wa_…", ca_fingerprint="9F:86:…") as box:
    print(box.transcribe("talk.mp3", language="en").text)
"""

from whisper_appliance.client.appliance import Appliance
from whisper_appliance.client.async_appliance import AsyncAppliance
from whisper_appliance.client.results import (
    Job,
    JobError,
    LiveEnd,
    Notice,
    Page,
    Progress,
    Segment,
    Transcript,
    TranscriptSummary,
    Word,
)

__all__ = [
    "Appliance",
    "AsyncAppliance",
    "Job",
    "JobError",
    "LiveEnd",
    "Notice",
    "Page",
    "Progress",
    "Segment",
    "Transcript",
    "TranscriptSummary",
    "Word",
]
