"""The entries that a page of the register shows."""

from tests.support.visitor import Page


def entries(page: Page) -> list[str]:
    """Return the names of the signatories, in the order of the page."""
    return [" ".join(e.get_text().split()) for e in page.soup.select(".entry .name")]
