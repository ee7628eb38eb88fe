"""screenshot.py PAGE.html IMAGE.png: an input that reranking changed, on a report's page."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def main() -> None:
    page, image = map(Path, sys.argv[1:])
    if CHROMIUM is None:
        raise SystemExit("no chromium is installed: there is no new picture of the page")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.goto(page.resolve().as_uri())
        opened.get_by_label("A's label").select_option("accurate")
        opened.get_by_label("reranking changed A's first place").check()
        opened.evaluate("document.querySelector('#texts').scrollIntoView()")
        opened.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    main()
