"""Wakes the threads that wait for a change of a job."""

from whisper_appliance.app.notifier import Notifier
from whisper_appliance.jobs.events import JobChanged, JobEvent, JobProgressed


class JobNotifier(Notifier):
    """Wakes the subscribers of a job at every change of it."""

    def notify(self, event: JobEvent) -> None:
        """Wakes the subscribers of the event's job."""
        if isinstance(event, JobChanged | JobProgressed):
            self.wake(event.job_id)
