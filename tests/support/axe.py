"""The rules of accessibility that axe checks in a page."""

from importlib import resources

from playwright.sync_api import Page

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERY_RULE = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
RULES_OF_COLOUR = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}


def found_by_axe(state: Page) -> list[str]:
    """Return what axe finds wrong in a page: wide and narrow, light and dark."""
    state.evaluate(AXE)
    found = []
    for width in (1280, 360):
        state.set_viewport_size({"width": width, "height": 800})
        for scheme, rules in (("light", EVERY_RULE), ("dark", RULES_OF_COLOUR)):
            state.emulate_media(color_scheme=scheme)
            results = state.evaluate("rules => axe.run(document, rules)", rules)
            found += [
                f"{scheme}, {width} px: {violation['id']}: {node['html']} {node['failureSummary']}"
                for violation in results["violations"]
                for node in violation["nodes"]
            ]
    return found
