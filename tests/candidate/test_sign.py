"""Who are you? What is typed is judged kindly, and never lost."""

import pytest

from tests.support.database import rows
from tests.support.journeys import ELODIE, sign, signed_and_confirmed, tick
from tests.support.mailbox import link_in
from tests.support.visitor import Visitor


def refused(page, field, words):
    """Assert that the page refuses one field, as every error page of ours does."""
    assert page.status == 422
    assert page.title.startswith("Erreur\u00a0: ")
    assert page["#errors"].has_attr("autofocus")
    assert page["#errors"]["tabindex"] == "-1"
    assert words in page.text(f"#{field}-error")
    (link,) = [a for a in page.soup.select("#errors a") if a["href"].removesuffix("-0") == f"#{field}"]
    assert link.get_text() in page.text(f"#{field}-error")
    assert page.soup.select(link["href"])
    return page


def test_the_page_says_what_was_ticked(candidate):
    tick(candidate, 2, 7)
    assert "2 engagements sur 10" in candidate.open("/signer").text(".taken-summary")


def test_boxes_are_never_ticked_for_anybody(candidate):
    page = candidate.open("/signer")
    assert not page.soup.select("input[type=checkbox][checked], input[type=radio][checked]")


def test_signing_leads_to_the_letter(candidate):
    page = sign(candidate)
    assert page.url == "/signer/envoye"
    assert page.text(".address") == ELODIE["email"]


def test_an_empty_form_names_every_field(candidate):
    tick(candidate, 1)
    page = candidate.open("/signer").submit(".form")
    for field, words in [
        ("given_name", "prénom"),
        ("family_name", "nom"),
        ("role", "rôle"),
        ("commune", "commune"),
        ("list_name", "liste"),
        ("email", "adresse"),
        ("publication", "accord"),
    ]:
        refused(page, field, words)


def test_what_was_typed_is_kept(candidate):
    page = sign(candidate, email="pas une adresse")
    refused(page, "email", "Cette adresse")
    for name in ("given_name", "family_name", "commune", "list_name"):
        assert page[f"#{name}"]["value"] == ELODIE[name]
    assert page["#email"]["value"] == "pas une adresse"
    assert page["[name=role][value=tete-de-liste]"].has_attr("checked")
    assert page["#publication"].has_attr("checked")
    assert not page["#contact"].has_attr("checked")


def test_nothing_ticked_is_refused_with_a_way_back(candidate):
    page = candidate.open("/signer").submit(".form", **ELODIE)
    assert page.status == 422
    assert page["#errors a"]["href"] == "/#engagements"
    assert page["#given_name"]["value"] == "Élodie"


def test_publication_must_be_accepted(candidate):
    refused(sign(candidate, publication=None), "publication", "ne peut pas être publiée")


@pytest.mark.parametrize("role", ["tete-de-liste", "colistier"])
def test_candidates_have_a_list(candidate, role):
    refused(sign(candidate, role=role, list_name=""), "list_name", "nom de votre liste")


def test_the_elected_may_have_none(candidate):
    assert sign(candidate, role="elu", list_name="").url == "/signer/envoye"


def test_a_role_that_is_not_offered(candidate):
    refused(sign(candidate, role="maire-a-vie"), "role", "Choisissez votre rôle")


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@b", "a@@example.org", "a@example.org, b@example.org", "a b@example.org", "a@exa mple.org",
     "éloïse@example.org", "admin@ехample.org\r\nBcc: x@example.org", '"a@b.fr, v@y.fr"@example.org,b@c.fr',
     "a" * 300],
)  # fmt: skip
def test_bad_addresses(candidate, address):
    page = sign(candidate, email=address)
    assert page.status == 422
    assert "#email-error" in page


def test_an_address_is_stored_one_way(candidate):
    assert (
        sign(candidate, email=" Elodie.MARTIN@Example.ORG ").text(".address") == "elodie.martin@example.org"
    )


@pytest.mark.parametrize("typed", ["sainte alvere", "SAINTE-ALVÈRE", "val de louyre et caudeau"])
def test_a_former_name_finds_its_commune(candidate, deliver, mailbox, typed):
    sign(candidate, commune=typed)
    deliver()
    assert "de Val de Louyre et Caudeau" in mailbox.letters[0].get_body(("plain",)).get_content()


def test_an_ambiguous_commune_is_chosen_by_radio_button(candidate):
    page = refused(sign(candidate, commune="24200"), "commune", "Plusieurs communes")
    choices = page.soup.select("[name=commune_choice][type=radio]")
    assert len(choices) > 1
    assert page["#commune"]["value"] == "24200"
    page = page.submit(".form", commune_choice="24520")
    assert page.url == "/signer/envoye"


def test_a_choice_that_was_not_offered(candidate):
    page = sign(candidate, commune="24200").submit(".form", commune_choice="24001")
    refused(page, "commune", "Plusieurs communes")


def test_a_near_miss_is_suggested(candidate):
    page = refused(sign(candidate, commune="Perigeux"), "commune", "inconnue")
    assert "Périgueux" in page.text()


def test_an_unknown_commune(candidate):
    refused(sign(candidate, commune="Trifouillis-les-Oies-sur-Mer"), "commune", "inconnue")


def test_too_many_communes(candidate):
    refused(sign(candidate, commune="saint"), "commune", "Trop de communes")


@pytest.mark.parametrize("field", ["given_name", "family_name", "list_name"])
@pytest.mark.parametrize(
    ("typed", "words"), [("日本", "日"), ("Zoé 🎉", "🎉"), ("a" * 81, "trop long"), ("…", "")]
)
def test_names_that_cannot_be_printed(candidate, field, typed, words):
    if typed == "…":
        if field == "list_name":
            return
        words = "toutes lettres"
    refused(sign(candidate, **{field: typed}), field, words)


@pytest.mark.parametrize("name", ["Œ’Łukasz-Ễva d’Ÿ", "Αθηνά", "Ґанна", "J.-P.", "Éloïse-Marie de la Tour"])
def test_names_are_greeted_as_they_are(candidate, deliver, mailbox, name):
    page = sign(candidate, given_name=name)
    assert page.url == "/signer/envoye"
    deliver()
    letter = mailbox.letters[0]
    assert f"Bonjour {name} Martin" in letter.get_body(("plain",)).get_content()
    assert f"Bonjour {name} Martin" in letter.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("<b>Zoé</b>", "Le caractère «\u00a0<\u00a0» ne va pas"),
        ("{{ zoe }}", "Le caractère «\u00a0{\u00a0» ne va pas"),
        ("https://evil.example/x", "Le caractère «\u00a0:\u00a0» ne va pas"),
        ("evil.example", "Laissez une espace après le point."),
        ("M.Dupont", "Laissez une espace après le point."),
        ("t.co", "Laissez une espace après le point."),
        ("Gagnez 500 €", "Le caractère «\u00a05\u00a0» ne va pas"),
        ("a@b", "Le caractère «\u00a0@\u00a0» ne va pas"),
        ("Zoé;--", "Le caractère «\u00a0;\u00a0» ne va pas"),
        ("Dupont / Durand", "Le caractère «\u00a0/\u00a0» ne va pas"),
        ("Jеan", "La lettre «\u00a0е\u00a0» est cyrillique, les autres non"),
        ("Dupont Иванов", "La lettre «\u00a0И\u00a0» est cyrillique, les autres non"),
        ("M. le Maire", "sans titre ni fonction"),
        ("Mme la Préfète", "sans titre ni fonction"),
    ],
)
def test_what_is_no_name_is_refused(candidate, name, words):
    refused(sign(candidate, family_name=name), "family_name", words)


def test_markup_in_a_list_name_is_only_text(candidate, citizen, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox, list_name="<b>{{ 7*7 }}</b> & 'fils'")
    page = citizen.open("/signataires")
    assert "<b>{{ 7*7 }}</b> & ’fils’" in page.text(".role")
    assert ".role b" not in page


def test_control_characters_are_cleaned_not_refused(candidate, deliver, mailbox):
    sign(candidate, given_name="\u202eÉlo\x00die\u200b")
    deliver()
    assert "Bonjour Élodie Martin" in mailbox.letters[0].get_body(("plain",)).get_content()


def test_the_next_person_finds_nothing_of_the_one_before(app, candidate):
    sign(candidate)
    page = candidate.open("/")
    assert page.text(".count") == "0 engagement sur 10"
    page = candidate.open("/signer")
    assert not any(word in page.text() for word in ("Élodie", "Martin", ELODIE["email"]))
    assert all(field.get("value", "") == "" for field in page.soup.select(".form input[type=text]"))
    sign(candidate, 2, given_name="Marc", email="marc@example.org")
    assert rows(app, "SELECT given_name, email FROM signature ORDER BY id") == [
        ("Élodie", ELODIE["email"]),
        ("Marc", "marc@example.org"),
    ]


def test_a_double_click_signs_once(app, candidate, deliver):
    tick(candidate, 1, 3)
    page = candidate.open("/signer")
    cookie = candidate.client.get_cookie("paraphe").value
    assert page.submit(".form", **ELODIE).url == "/signer/envoye"
    candidate.client.set_cookie("paraphe", cookie)  # the second request left before the first answer came
    assert page.submit(".form", **ELODIE).url == "/signer/envoye"
    assert rows(app, "SELECT count(*) FROM signature") == [(1,)]
    assert deliver() == 1


def test_going_back_and_sending_again_signs_once(app, candidate, deliver):
    tick(candidate, 1, 3)
    page = candidate.open("/signer")
    page.submit(".form", **ELODIE)
    again = page.submit(".form", **ELODIE | {"family_name": "Martinet"})
    assert again.url == "/signer/envoye"
    assert "déjà partie" in again.text(".success")
    assert rows(app, "SELECT family_name FROM signature") == [("Martin",)]
    assert deliver() == 1


def test_a_lost_cookie_is_said_and_what_was_typed_is_kept(candidate):
    tick(candidate, 1, 3)
    page = candidate.open("/signer")
    candidate.client.delete_cookie("paraphe")
    expired = page.submit(".form", **ELODIE)
    assert expired.status == 400
    page = expired.submit("main form")
    assert page.status == 422
    assert "n’a plus les engagements que vous aviez cochés" in page.text("#errors")
    assert page["#errors a"]["href"] == "/#engagements"
    assert page["#given_name"]["value"] == "Élodie"
    tick(candidate, 2)
    assert candidate.open("/signer").submit(".form", **ELODIE).url == "/signer/envoye"


def test_another_person_begins_afresh_at_the_same_browser(candidate, deliver, mailbox):
    page = sign(candidate)
    page = page.submit("form[action='/signer/autre']")
    assert page.text(".count") == "0 engagement sur 10"
    assert candidate.open("/signer/envoye").url == "/signer"
    sign(candidate, 2, given_name="Marc")
    assert deliver() == 2
    assert {"Bonjour Élodie Martin,", "Bonjour Marc Martin,"} == {
        letter.get_body(("plain",)).get_content().splitlines()[0] for letter in mailbox.letters
    }


def test_the_address_is_corrected_where_we_say_we_wrote(candidate, deliver, mailbox):
    page = sign(candidate, email="elodi@example.org")
    page = page.submit(".form", email="elodie@example.org")
    assert page.text(".address") == "elodie@example.org"
    assert page.text(".success")
    deliver()
    assert [letter["To"] for letter in mailbox.letters] == ["elodie@example.org"]  # the first one is void


def test_a_bad_correction_keeps_the_old_address(candidate):
    page = sign(candidate).submit(".form", email="elodie@")
    refused(page, "email", "Cette adresse")
    assert candidate.open("/signer/envoye").text(".address") == ELODIE["email"]


def test_nothing_to_send_again_without_a_signature(candidate):
    assert candidate.open("/signer/envoye").url == "/signer"


def test_a_double_click_writes_once_though_the_letter_has_left(candidate, deliver, mailbox):
    page = sign(candidate)
    assert deliver() == 1
    page.submit(".form")
    assert deliver() == 0


def test_three_letters_a_day_to_one_address(candidate, deliver, mailbox, later):
    page = sign(candidate)
    for sent in (1, 1, 1, 0, 0):
        assert deliver() == sent
        later(seconds=11)
        page = page.submit(".form")
        assert page.status == 200
        assert "au plus 3\u00a0courriels par jour" in page.text()
    later(days=1, minutes=1)
    candidate.open("/signer/envoye").submit(".form")
    assert deliver() == 1


def test_another_browser_cannot_flood_the_same_address(candidate, citizen, deliver, mailbox, later):
    page = sign(candidate)
    for _ in range(2):
        assert deliver() == 1
        later(seconds=11)
        page = page.submit(".form")
    deliver()
    page = sign(citizen, given_name="Autre")
    assert page.url == "/signer/envoye"
    assert deliver() == 0


def test_signing_tells_nothing_of_who_has_signed(candidate, citizen, app, deliver, mailbox):
    """A stranger tries every page that takes an address, with one that is known and one that is not."""
    signed_and_confirmed(candidate, deliver, mailbox)
    seen = []
    for address in (ELODIE["email"], "inconnue@example.org"):
        stranger = Visitor(app)
        for _ in range(4):
            stranger.open("/retrouver").submit(".form", email=address)
            deliver()
        pages = [sign(stranger, given_name="Autre", email=address)]
        pages += [stranger.open("/signer/envoye").submit(".form") for _ in range(4)]
        seen.append([(page.status, page.url, page.text().replace(address, "")) for page in pages])
    assert seen[0] == seen[1]


def test_a_refused_address_is_said(candidate, deliver, mailbox):
    sign(candidate)
    mailbox.answer = "550 no such user"
    deliver()
    assert "a refusé notre courriel" in candidate.open("/signer/envoye").text(".note")


def test_contact_is_agreed_to_by_the_owner_of_the_mailbox(candidate, citizen, deliver, mailbox):
    sign(candidate, contact="y")
    deliver()
    link = link_in(mailbox.letters[0], "/confirmer/")
    page = citizen.open(link)
    assert "m’écrive au sujet de ces engagements" in page.text("#ce-que-vous-signez")
    page = citizen.open(f"{link}/corriger")
    assert page["#contact"].has_attr("checked")
    page = page.submit(".form", contact=None)
    assert "m’écrive" not in page.text("#ce-que-vous-signez")
