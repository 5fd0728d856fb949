"""A long transcript in Chromium beside a short one: opening, scrolling, typing, saving.

`python -m benchmarks.transcript_page URL` measures a running appliance that visitors may use: it imports both
transcripts, visits them in turns, and deletes them. On a busy machine read the ratios, not the milliseconds.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, sync_playwright
from tests.support.browser import chromium_path

WORDS = {"short": 200, "long": 20_000}
WORDS_A_SEGMENT = 10
WORD_SECONDS = 0.36  # 20,000 words are two hours
TIMEOUT_MS = 120_000
OBSERVE = """() => {
    const measured = window.measured = { longTasks: [] };
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) measured.longTasks.push(duration);
    }).observe({ type: "longtask", buffered: true });
    const lookFor = () => {
        if (!document.querySelector(".line:not(.skeleton)")) return requestAnimationFrame(lookFor);
        requestAnimationFrame(() => setTimeout(() => { measured.words = performance.now(); }));
    };
    requestAnimationFrame(lookFor);
}"""
OPENED = """() => new Promise((done) => requestIdleCallback(() => done({
    words: measured.words,
    interactive: performance.now(),
    blocked: measured.longTasks.reduce((sum, each) => sum + each, 0),
    "longest task": Math.max(0, ...measured.longTasks),
    nodes: document.querySelectorAll("*").length,
})))"""
SCROLL = """() => new Promise((done) => {
    const frames = [];
    const begun = performance.now();
    const step = (now) => {
        frames.push(now);
        scrollBy({ top: 60, behavior: "instant" });
        if (now - begun < 3000) return requestAnimationFrame(step);
        const times = frames.slice(1).map((frame, index) => frame - frames[index]).sort((a, b) => a - b);
        done({ frame: times[times.length >> 1], "slow frame": times[Math.floor(times.length * 0.95)] });
    };
    requestAnimationFrame(step);
})"""
WATCH_KEYS = """() => {
    window.keys = [];
    addEventListener("keydown", ({ timeStamp }) => requestAnimationFrame(
        () => setTimeout(() => keys.push(performance.now() - timeStamp))), true);
}"""
SAVE = """() => new Promise((done) => {
    const begun = performance.now();
    const field = document.querySelector(".line textarea");
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Tab", bubbles: true, cancelable: true }));
    const look = () => {
        const now = document.querySelector(".line textarea");
        if (now && now !== field) setTimeout(() => done(performance.now() - begun));
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""


def whisper_json(words: int) -> str:
    """A transcript as Whisper writes it, each word with its times; now and then somebody pauses."""
    segments = []
    start = 0.0
    for number in range(words // WORDS_A_SEGMENT):
        start += 2.0 if number % 7 == 0 else 0.0
        spoken = [f" word{number * WORDS_A_SEGMENT + place}" for place in range(WORDS_A_SEGMENT - 1)]
        spoken.append(f" end{number}.")
        times = [start + place * WORD_SECONDS for place in range(WORDS_A_SEGMENT + 1)]
        timed = [
            {
                "word": word,
                "start": times[place],
                "end": times[place + 1],
                "probability": 0.3 if place == 4 else 0.9,
            }
            for place, word in enumerate(spoken)
        ]
        segments.append({"start": start, "end": times[-1], "text": "".join(spoken), "words": timed})
        start = times[-1]
    return json.dumps({"text": "", "language": "en", "segments": segments})


def measure(tab: Page, transcript_id: str) -> dict[str, float]:
    """One visit: open, scroll, and correct a line in the middle."""
    tab.goto(f"/transcripts/{transcript_id}")
    tab.wait_for_function("() => measured.words")
    measured: dict[str, float] = tab.evaluate(OPENED)
    measured.update(tab.evaluate(SCROLL))
    tab.evaluate(WATCH_KEYS)
    tab.evaluate("document.querySelector('.line[data-now], .line').querySelector('a').focus()")
    tab.keyboard.press("F2")
    tab.wait_for_selector(".line textarea")
    tab.keyboard.type(" and a few letters more", delay=40)
    tab.wait_for_function("() => keys.length > 20")
    delays = sorted(tab.evaluate("keys"))
    measured["key"] = statistics.median(delays)
    measured["slow key"] = delays[-2]
    measured["save"] = tab.evaluate(SAVE)
    tab.keyboard.press("Escape")
    return measured


@contextmanager
def imported(context: BrowserContext) -> Iterator[dict[str, str]]:
    """Ids of the transcripts by name, as long as they are measured."""
    request = context.request
    token = {"X-Requested-With": "benchmark"}
    ids = {}
    for name, words in WORDS.items():
        file = FilePayload(
            name=f"{name}.json", mimeType="application/json", buffer=whisper_json(words).encode()
        )
        answer = request.post("/api/transcripts/import", multipart={"file": file}, headers=token)
        ids[name] = answer.json()["imported"][0]["id"]
    yield ids
    for made in ids.values():
        request.delete(f"/api/transcripts/{made}", headers=token)


def visits(browser: Browser, url: str, count: int) -> dict[str, list[dict[str, float]]]:
    """All visits by the transcript's name, taken in turns."""
    context = browser.new_context(
        base_url=url, ignore_https_errors=True, viewport={"width": 1100, "height": 800}
    )
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(f"({OBSERVE})()")
    context.new_page().goto("/")  # makes the visitor
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in WORDS}
    with imported(context) as ids:
        for _ in range(count):
            for name, made in ids.items():
                tab = context.new_page()
                measured[name].append(measure(tab, made))
                tab.close()
    context.close()
    return measured


def main() -> None:
    """Prints a line for each measure: medians of all visits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--visits", type=int, default=5)
    options = parser.parse_args()
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        measured = visits(browser, options.url, options.visits)
        browser.close()
    print("| milliseconds (nodes: a number) | short | long | ratio |\n|---|---|---|---|")
    for measure_name in measured["long"][0]:
        short, long = (
            statistics.median(each[measure_name] for each in measured[name]) for name in ("short", "long")
        )
        print(f"| {measure_name} | {short:.0f} | {long:.0f} | {long / max(short, 1):.1f} |")


if __name__ == "__main__":
    main()
