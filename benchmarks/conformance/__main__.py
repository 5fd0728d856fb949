"""`./scripts/dev.sh conformance [URL]`: which programs work with the server at this address.

Without an address it starts an appliance, with the settings that the page "Connect a program" asks for.
"""

import argparse
import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from benchmarks.audio import packaged
from benchmarks.conformance import openai_clients, recorded, socket_clients
from benchmarks.conformance.own_appliance import running_appliance
from benchmarks.conformance.table import PAGE, Result, summary, terminal_line, write_column, write_readme
from benchmarks.conformance.target import UNKNOWN_KEY, CheckFailed, NotChecked, Row, Target

ROWS: tuple[Row, ...] = (*openai_clients.ROWS, *recorded.ROWS, *socket_clients.ROWS)


def main() -> None:
    """Checks every row and prints the table. Exits with 1 if one fails."""
    arguments = _arguments()
    wanted = [row for row in ROWS if not arguments.only or arguments.only.lower() in row.program.lower()]
    given = target_of(arguments)
    results = []
    with nullcontext(given) if given.url else running_appliance(given, arguments.own_model) as target:
        for result in check_rows(target, wanted):
            print(terminal_line(result), flush=True)
            results.append(result)
    print(summary(results))
    if arguments.readme:
        write_readme(results)
    if arguments.column:
        write_column(results, arguments.column)
    sys.exit(any(result.passed is False for result in results))


def check_rows(target: Target, rows: Sequence[Row] = ROWS) -> Iterator[Result]:
    """The result of each row."""
    for row in rows:
        started = time.monotonic()
        passed, reason = _check(row, target)
        yield Result(row, passed, reason, time.monotonic() - started)


def _check(row: Row, target: Target) -> tuple[bool | None, str]:
    try:
        row.run(target)
    except NotChecked as error:
        return None, str(error)
    except CheckFailed as error:
        return False, _one_line(str(error))
    except Exception as error:  # noqa: BLE001 - whatever a client raises is the result of its row
        return False, _one_line(f"{type(error).__name__}: {error}")
    return True, ""


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:220]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/dev.sh conformance", description=__doc__)
    parser.add_argument("url", nargs="?", default="", help="such as https://localhost:5001")
    parser.add_argument("--key", default=UNKNOWN_KEY, help="an API key, where one is required")
    parser.add_argument("--model", default="whisper-1", help="the model that programs name")
    parser.add_argument("--ca", type=Path, help="the certificate authority of the server (PEM)")
    parser.add_argument("--audio", type=Path, help="a WAV of 16 kHz, mono; default: one of the tests'")
    parser.add_argument("--words", default="fail better", help="words that it has")
    parser.add_argument("--wyoming", default="", metavar="HOST:PORT", help="where Wyoming is served")
    parser.add_argument("--only", help="programs whose name has this in it")
    parser.add_argument("--own-model", default="base", help="the model of an appliance of its own")
    parser.add_argument("--readme", action="store_true", help='write the table "Works with" of the README')
    parser.add_argument("--column", metavar="NAME", help=f"write the results as this column of {PAGE.name}")
    return parser.parse_args()


def target_of(arguments: argparse.Namespace) -> Target:
    """The server that the arguments describe."""
    return Target(
        url=arguments.url.rstrip("/"),
        key=arguments.key,
        model=arguments.model,
        audio=arguments.audio or packaged("beckett.wav"),
        words=arguments.words,
        trust=ssl.create_default_context(cafile=arguments.ca) if arguments.ca else True,
        authority=arguments.ca,
        wyoming=arguments.wyoming,
    )


if __name__ == "__main__":
    main()
