"""First paint of the pages in Chromium with an empty cache, and what was loaded before it.

`python -m benchmarks.first_paint URL` measures a running appliance; the machine must be idle.
"""

import argparse
import statistics

from playwright.sync_api import Browser, sync_playwright
from tests.support.browser import chromium_path

PAGES = ("/", "/history", "/trust", "/sign-in")
MEASURE = """() => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const loaded = performance.getEntriesByType("resource");
    return {
        paint: paint.startTime,
        loaded: performance.timing.loadEventEnd - performance.timing.navigationStart,
        blocking: loaded.filter((each) => each.renderBlockingStatus === "blocking").length,
        requests: loaded.length,
        kilobytes: loaded.reduce((sum, each) => sum + each.transferSize, 0) / 1024,
    };
}"""


def visit(browser: Browser, url: str, page: str) -> dict[str, float]:
    """One visit of a browser that has nothing yet."""
    context = browser.new_context(ignore_https_errors=True)
    tab = context.new_page()
    tab.goto(url + page)
    tab.wait_for_load_state("networkidle")
    measured: dict[str, float] = tab.evaluate(MEASURE)
    context.close()
    return measured


def main() -> None:
    """Prints a line for each page: medians of all visits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--visits", type=int, default=7)
    options = parser.parse_args()
    path = chromium_path()
    print("| page | first paint ms | loaded ms | blocking | requests | KB |\n|---|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for page in PAGES:
            visits = [visit(browser, options.url, page) for _ in range(options.visits)]
            medians = (
                statistics.median(each[name] for each in visits)
                for name in ("paint", "loaded", "blocking", "requests", "kilobytes")
            )
            print(f"| {page} | " + " | ".join(f"{value:.0f}" for value in medians) + " |")
        browser.close()


if __name__ == "__main__":
    main()
