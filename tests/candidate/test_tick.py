"""The charter page, and one commitment at a time."""

import re
from urllib.parse import urlsplit

from tests.support.database import rows
from tests.support.journeys import tick


def test_the_charter_is_whole(app, candidate):
    page = candidate.open("/")
    charter = app.extensions["charter"]
    texts = [" ".join(e.get_text().split()) for e in page.soup.select(".commitment .commitment-text")]
    assert texts == [f"Engagement {c.number} : {c.text}" for c in charter.commitments]
    assert charter.introduction in page.text()
    assert charter.purpose in page.text()
    assert [a["href"] for a in page.soup.select(".contacts a")] == [
        f"mailto:{contact.email}" for contact in charter.contacts
    ]
    assert page.soup.select("a[href='/charte.pdf']")


def test_reading_stores_nothing(app, candidate):
    candidate.open("/")
    assert rows(app, "SELECT count(*) FROM signature") == [(0,)]


def test_a_tick_without_javascript_comes_back_to_its_line(app, candidate):
    page = candidate.open("/")
    page.submit("#prendre-3")
    response = candidate.client.post(
        "/engagements/4",
        data={"taken": "yes", "csrf_token": page["#engagement-4 [name=csrf_token]"]["value"]},
    )
    assert response.status_code == 303
    assert urlsplit(response.location).fragment == "engagement-4"
    page = candidate.open("/")
    assert page["#prendre-3"]["aria-checked"] == page["#prendre-4"]["aria-checked"] == "true"
    assert page.text(".count") == "2 engagements sur 10"
    assert page.text(".saved") == "Enregistré"
    assert rows(app, "SELECT number FROM pledge ORDER BY number") == [(3,), (4,)]


def test_the_browser_keeps_its_draft_for_thirty_days(candidate, later):
    page = candidate.open("/")
    assert candidate.client.get_cookie("paraphe").expires is not None
    later(days=29)
    page.submit("#prendre-2", htmx=True)
    later(days=29)
    assert candidate.open("/").text(".count") == "1 engagement sur 10"


def test_saved_is_said_once(candidate):
    tick(candidate, 2)
    assert ".saved" not in candidate.open("/")


def test_answer_with_htmx_is_the_same_line(candidate):
    fragment = candidate.open("/").submit("#prendre-3", htmx=True)
    assert "<html" not in fragment.response.text
    assert fragment.text("#progress[hx-swap-oob] .count") == "1 engagement sur 10"
    assert fragment.text(".saved") == "Enregistré"
    assert len(fragment.soup.select("#segments[hx-swap-oob] .is-taken")) == 1
    assert {"HX-Request", "HX-Request-Type"} <= set(fragment.response.vary)

    page = candidate.open("/")
    for token in page.soup.select("[name=csrf_token]") + fragment.soup.select("[name=csrf_token]"):
        token["value"] = ""
    assert str(page["#engagement-3"]) == str(fragment["#engagement-3"])


def test_a_history_restore_gets_the_page(candidate):
    page = candidate.open("/")
    data = {"taken": "yes", "csrf_token": page["#engagement-1 [name=csrf_token]"]["value"]}
    answer = candidate.send("post", "/engagements/1", data, {"HX-Request": "true", "HX-Request-Type": "full"})
    assert "html" in answer


def test_pressing_again_releases(app, candidate):
    page = tick(candidate, 5)
    page = page.submit("#prendre-5")
    assert page["#prendre-5"]["aria-checked"] == "false"
    assert rows(app, "SELECT count(*) FROM pledge") == [(0,)]


def test_a_stale_page_sends_the_state_it_shows(candidate):
    stale = candidate.open("/")
    stale.submit("#prendre-1")
    page = stale.submit("#prendre-1")
    assert page["#prendre-1"]["aria-checked"] == "true"


def test_two_requests_of_a_new_browser_share_one_draft(app, candidate):
    page = candidate.open("/")
    cookie = candidate.client.get_cookie("paraphe")
    page.submit("#prendre-1")
    candidate.client.set_cookie("paraphe", cookie.value)  # as if it had left before the first answer came
    page.submit("#prendre-2")
    assert rows(app, "SELECT count(*) FROM signature") == [(1,)]
    assert candidate.open("/").text(".count") == "2 engagements sur 10"


def test_nonsense_is_refused(candidate):
    page = candidate.open("/")
    token = page["#engagement-1 [name=csrf_token]"]["value"]
    assert candidate.send("post", "/engagements/11", {"taken": "yes", "csrf_token": token}, {}).status == 404
    assert candidate.send("post", "/engagements/0", {"taken": "yes", "csrf_token": token}, {}).status == 404
    assert candidate.send("post", "/engagements/1", {"taken": "maybe", "csrf_token": token}, {}).status == 422
    assert candidate.send("post", "/engagements/1", {"csrf_token": token}, {}).status == 422


def test_an_expired_form_can_be_sent_again(candidate):
    page = candidate.open("/")
    candidate.client.delete_cookie("paraphe")
    expired = page.submit("#prendre-6")
    assert expired.status == 400
    page = expired.submit("main form")
    assert page["#prendre-6"]["aria-checked"] == "true"


def test_a_foreign_form_cannot_be_sent_again(candidate):
    answer = candidate.send(
        "post", "/engagements/6", {"taken": "yes"}, {"Origin": "https://ailleurs.example"}
    )
    assert answer.status == 400
    assert "main form" not in answer
    answer = candidate.send("post", "/engagements/6", {"taken": "yes"}, {"Sec-Fetch-Site": "cross-site"})
    assert "main form" not in answer


def own_parts(page):
    return [page[f"#engagement-4 [name={field}]"]["value"] for field in ("signature", "csrf_token")]


def without_own_parts(page):
    text = page.response.text
    for part in own_parts(page):
        text = text.replace(part, "")
    return text


def test_two_browsers_with_the_same_choice_have_their_own_page(app, candidate, citizen):
    tick(candidate, 3)
    tick(citizen, 3)
    mine, theirs = candidate.open("/"), citizen.open("/")
    assert not set(own_parts(mine)) & set(own_parts(theirs))
    assert without_own_parts(mine) == without_own_parts(theirs)
    for page, visitor in ((mine, candidate), (theirs, citizen)):
        with visitor.client.session_transaction("http://localhost/") as session:
            assert own_parts(page)[0] == session["draft"]
        line = page.submit("#prendre-4", htmx=True)
        assert line.status == 200
        assert own_parts(line)[0] == own_parts(page)[0]
        # A token is made anew each second, with the same secret in front.
        assert own_parts(line)[1].split(".")[0] == own_parts(page)[1].split(".")[0]
    assert rows(app, "SELECT count(*) FROM pledge") == [(4,)]


def test_what_is_put_together_is_what_would_be_made(app, candidate):
    """From no commitment to all ten, then two less; with JavaScript, without, and the page by itself."""
    kept = app.extensions["charter-pages"]
    mine = re.compile(r'(name="(?:signature|csrf_token)" value=)"[^"]+"')
    for number in (*range(1, 11), 10, 3):
        page = candidate.open("/")
        for ask in (
            lambda page=page, number=number: page.submit(f"#prendre-{number}", htmx=True),
            lambda page=page, number=number: page.submit(f"#prendre-{number}"),
            lambda: candidate.open("/"),
        ):
            texts = []
            for pages in (kept, kept, None):
                app.extensions["charter-pages"] = pages
                texts.append(mine.sub(r"\1", ask().response.text))
            app.extensions["charter-pages"] = kept
            assert texts[0] == texts[1] == texts[2]
    assert candidate.open("/").text(".count") == "8 engagements sur 10"
