"""The badge on somebody else's site, and the pictures that it and its like are made of."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser

from app.certificates.pdf import ASSETS
from app.sharing.picture import PANEL, RINGS, SPRITE
from tests.support.site import Site
from tests.support.steps import Person, change, confirm, sign
from tests.support.watch import OpenPage, watched

pytestmark = [pytest.mark.browser, pytest.mark.long]


class Elsewhere(BaseHTTPRequestHandler):
    """Somebody else's site, with the code pasted in its one page."""

    snippet = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.snippet)

    def log_message(self, *_: object) -> None:
        pass


def test_another_site_shows_the_badge_as_it_stands(browser: Browser, site: Site) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    looks = []
    try:
        with watched(browser, site.url, tolerate=r"third party|badge\.svg 404") as page:
            confirm(page, sign(page, site, Person("Jeanne", "Lacoste", "jeanne@example.org"), 1))
            page.goto("/ma-signature/partager")
            Elsewhere.snippet = page.get_by_label("Le code HTML").input_value().encode()
            for given_back in (False, True):
                if given_back:
                    change(page, 1, taken=False)
                with browser.new_context() as visitor:  # of that site, for the first time
                    other = visitor.new_page()
                    other.goto(f"http://127.0.0.1:{server.server_port}/")
                    picture = other.get_by_role("img")
                    assert picture.evaluate("image => image.naturalWidth") == 360, "not drawn"
                    looks.append(picture.screenshot())
    finally:
        server.shutdown()
        server.server_close()
    assert looks[0] != looks[1]


def test_the_sprite_is_made_of_the_panels(open_page: OpenPage, tmp_path: Path) -> None:
    """Drawn again from the same files, it is the same but for what a browser's version changes."""
    page = open_page("about:blank")
    width, height = PANEL
    files = [f"panel-{number}{kind}" for kind in ("", "-bare") for number in range(1, 11)]
    places = [(index % 10 * width, index // 10 * height, width, height) for index in range(20)]
    cells = ""
    for name, (x, y, w, h) in zip([*files, "rings"], [*places, (0, 2 * height, *RINGS)], strict=True):
        svg = (ASSETS / "img" / f"{name}.svg").read_text(encoding="utf-8")
        start, _, shapes = svg.partition(">")
        view = start.partition("viewBox=")[2]
        cells += f'<svg x="{x}" y="{y}" width="{w}" height="{h}" viewBox={view}>{shapes}'
    size = f'width="{10 * width}" height="{2 * height + RINGS[1]}"'
    page.set_content(f'<body style="margin: 0"><svg style="display: block" {size}>{cells}</svg>')
    page.locator("body > svg").screenshot(path=tmp_path / "again.png", omit_background=True)
    with Image.open(tmp_path / "again.png") as again, Image.open(SPRITE) as kept:
        assert again.size == kept.size
        difference = ImageChops.difference(again.convert("RGBA"), kept.convert("RGBA"))
    assert sum(difference.convert("L").histogram()[40:]) < 200
