"""Utilization of processors and GPUs."""

import threading
import time
from pathlib import Path

from whisper_appliance.host.gpus import GpuUse, measure_gpus
from whisper_appliance.host.stats import CpuMeter, measure


def test_cpu_utilization_is_the_same_from_every_thread(tmp_path: Path) -> None:
    processors = CpuMeter()
    busy_until = time.monotonic() + 0.4
    while time.monotonic() < busy_until:
        pass
    answers: list[float] = []
    asker = threading.Thread(target=lambda: answers.append(measure(tmp_path, processors).cpu_percent))
    asker.start()
    asker.join()
    assert 0 < answers[0] <= 100
    assert processors.percent() == answers[0]  # asked again at once


def test_without_nvidia_smi_there_are_no_gpus() -> None:
    assert measure_gpus("no-such-program") == ()


def test_the_output_of_nvidia_smi_is_parsed(tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\n"
        "echo 'NVIDIA H100 80GB HBM3, 37, 1024, 81559'\n"
        "echo 'Odd, [N/A], 10, 20'\n"
        "echo 'broken line'\n"
    )
    program.chmod(0o755)
    assert measure_gpus(str(program)) == (
        GpuUse("NVIDIA H100 80GB HBM3", 37.0, 1024 * 2**20, 81559 * 2**20),
        GpuUse("Odd", None, 10 * 2**20, 20 * 2**20),
    )


def test_a_failing_nvidia_smi_means_no_gpus(tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    program.chmod(0o755)
    assert measure_gpus(str(program)) == ()
