"""How long an interactive job waits for its start: `python -m benchmarks.queue_latency`.

The queue starts interactive jobs at once and finds all others by polling, so this must stay far below a poll.
"""

import statistics
import tempfile
import time
from pathlib import Path

from tests.support.jobs import Script, build_queue, request

from whisper_appliance.engines.contract import Priority

JOBS = 50


def main() -> None:
    """Prints the median and the worst of so many jobs, in milliseconds."""
    script = Script()
    delays = []
    with tempfile.TemporaryDirectory() as folder:
        queue = build_queue(Path(folder), script)
        queue.launch()
        for _ in range(JOBS):
            enqueued = time.perf_counter()
            queue.wait(queue.enqueue(request(Path(folder), "clip", Priority.INTERACTIVE)).id, 10)
            delays.append((script.started[-1] - enqueued) * 1000)
        queue.close()
    print(
        f"An interactive job starts after {statistics.median(delays):.1f} ms, at worst {max(delays):.1f} ms."
    )


if __name__ == "__main__":
    main()
