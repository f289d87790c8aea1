"""The charter page, and one commitment at a time."""

from urllib.parse import urlsplit

import pytest

from tests.support.database import dump
from tests.support.journeys import confirm, sign, tick


def numbers_in_cookie(visitor):
    with visitor.client.session_transaction() as session:
        return session["draft"]["numbers"]


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


def test_reading_and_ticking_store_nothing(app, candidate):
    candidate.open("/")
    empty = dump(app)
    tick(candidate, 1, 2, 3).submit("#prendre-2")
    assert dump(app) == empty


def test_a_tick_without_javascript_comes_back_to_its_line(candidate):
    page = candidate.open("/")
    page.submit("#prendre-3")
    response = candidate.client.post(
        "/engagements/4",
        data={"taken": "yes", "csrf_token": page["#engagements [name=csrf_token]"]["value"]},
    )
    assert response.status_code == 303
    assert urlsplit(response.location).fragment == "engagement-4"
    page = candidate.open("/")
    assert page["#prendre-3"]["aria-checked"] == page["#prendre-4"]["aria-checked"] == "true"
    assert page.text(".count") == "2 engagements sur 10"
    assert page.text(".saved") == "Enregistré"
    assert numbers_in_cookie(candidate) == [3, 4]


def test_the_browser_keeps_its_draft_for_thirty_days(candidate, later):
    page = candidate.open("/")
    assert candidate.client.get_cookie("paraphe").expires is not None
    later(days=29)
    page.submit("#prendre-2", htmx=True)
    later(days=29)
    assert candidate.open("/").text(".count") == "1 engagement sur 10"
    later(days=2)
    assert candidate.open("/").text(".count") == "0 engagement sur 10"


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
    assert str(page["#engagement-3"]) == str(fragment["#engagement-3"])


def test_a_history_restore_gets_the_page(candidate):
    page = candidate.open("/")
    data = {"taken": "yes", "csrf_token": page["#engagements [name=csrf_token]"]["value"]}
    answer = candidate.send("post", "/engagements/1", data, {"HX-Request": "true", "HX-Request-Type": "full"})
    assert "html" in answer


def test_pressing_again_releases(candidate):
    page = tick(candidate, 5)
    page = page.submit("#prendre-5")
    assert page["#prendre-5"]["aria-checked"] == "false"
    assert numbers_in_cookie(candidate) == []


def test_a_stale_page_sends_the_state_it_shows(candidate):
    stale = candidate.open("/")
    stale.submit("#prendre-1")
    page = stale.submit("#prendre-1")
    assert page["#prendre-1"]["aria-checked"] == "true"


def test_nonsense_is_refused(candidate):
    page = candidate.open("/")
    token = page["#engagements [name=csrf_token]"]["value"]
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


def test_one_form_with_one_token_and_ten_buttons(candidate):
    page = candidate.open("/")
    (form,) = page.soup.select("#engagements form")
    assert len(form.select("[name=csrf_token]")) == 1
    buttons = form.select("button")
    assert [button["formaction"] for button in buttons] == [f"/engagements/{n}" for n in range(1, 11)]


def test_two_browsers_have_their_own_draft(candidate, citizen):
    tick(candidate, 3)
    tick(citizen, 4, 5)
    assert candidate.open("/").text(".count") == "1 engagement sur 10"
    assert numbers_in_cookie(citizen) == [4, 5]


def test_two_tabs_of_a_browser_share_its_draft(candidate):
    first, second = candidate.open("/"), candidate.open("/")
    for page, number in ((first, 1), (second, 2), (first, 3), (second, 4), (first, 5)):
        page.submit(f"#prendre-{number}", htmx=number % 2 == 0)
    assert numbers_in_cookie(candidate) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("numbers", "count"),
    [
        ([], 0),
        (list(range(1, 11)), 10),
        (list(range(1, 41)), 10),  # forty were ticked when the charter had forty
        ([3, 11, 99], 1),
        ([0, -1, "2", None, 2.5, [4], {"a": 1}], 0),
    ],
    ids=["0", "10", "40", "gone", "odd"],
)
def test_numbers_that_the_charter_lacks_are_left_out(candidate, numbers, count):
    with candidate.client.session_transaction() as session:
        session["draft"] = {"code": "0123456789abcdef0123", "numbers": numbers}
    expected = f"{count} engagement{'s' if count > 1 else ''} sur 10"
    assert candidate.open("/").text(".count") == expected
    assert candidate.open("/signer").status == 200
    page = candidate.open("/").submit("#prendre-3")
    assert page["#prendre-3"]["aria-checked"] in ("true", "false")


@pytest.mark.parametrize(
    "draft", ["0123456789abcdef0123", None, 7, [1, 2], {"code": "x"}, {"numbers": [1]}], ids=repr
)
def test_a_cookie_of_another_version_is_an_empty_draft(candidate, draft):
    with candidate.client.session_transaction() as session:
        session["draft"] = draft
        session["kept_at"] = 1_772_000_000
    assert candidate.open("/").text(".count") == "0 engagement sur 10"
    assert tick(candidate, 2).text(".count") == "1 engagement sur 10"


@pytest.mark.parametrize(
    "damage", [lambda value: value[:-1], lambda value: "x" + value, lambda _: "x.y.z", lambda _: "é"]
)
def test_a_damaged_cookie_is_an_empty_draft(candidate, damage):
    tick(candidate, 1, 2)
    value = candidate.client.get_cookie("paraphe").value
    candidate.client.set_cookie("paraphe", damage(value))
    assert candidate.open("/").text(".count") == "0 engagement sur 10"
    assert tick(candidate, 2).text(".count") == "1 engagement sur 10"


def test_the_charter_says_that_a_signature_waits(candidate, citizen, deliver, mailbox):
    sign(candidate, 1, 2)
    page = candidate.open("/")
    assert "attend votre confirmation" in page.text("#engagements .note")
    assert page.text(".count") == "0 engagement sur 10", "the next person begins with nothing"
    for words in ("Élodie", "elodie", "Sarlat"):
        assert words not in page.text()
    deliver()
    confirm(citizen, mailbox)
    assert ".note" not in candidate.open("/")
