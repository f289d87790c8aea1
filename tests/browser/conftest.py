"""Chromium, and pages that fail their test on anything the console or the network holds against them."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.site import Site
from tests.support.tools import CHROMIUM
from tests.support.watch import OpenPage, watched

ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
]


# Milliseconds: as long as all that pages are asked; a busy machine is no fault of theirs.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for this folder: kept longer, its event loop would stay on the thread of other tests."""
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS + as_root)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[OpenPage]:
    """Open a page on a device of its own; see ``watched`` for the options."""
    with ExitStack() as stack:
        yield lambda path="/", **options: stack.enter_context(watched(browser, site.url, path, **options))
