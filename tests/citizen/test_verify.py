"""Is this certificate genuine, and does it still hold? By its number, and by its file."""

import random
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter
from sqlalchemy import delete

from app.certificates.numbers import generate_number
from app.citizen.verify import FILE_MAX
from app.extensions import db
from app.models import Certificate, Signature, Status
from app.signatures import rules
from tests.support.journeys import ELODIE, change, signed_and_confirmed
from tests.support.statements import watched
from tests.support.visitor import Page, Visitor


@pytest.fixture
def own(candidate, deliver, mailbox):
    """`/ma-signature` of somebody who has a certificate."""
    return signed_and_confirmed(candidate, deliver, mailbox)


@pytest.fixture
def pdf(own):
    return own.submit("#certificat form").response.data


@pytest.fixture
def number(own):
    return own.submit("#certificat button[formaction]").text(".certificate .facts dd:first-of-type")


def drop(visitor: Visitor, content: bytes, name: str = "certificat.pdf") -> Page:
    """Send a file with the form of `/verifier`."""
    form = visitor.open("/verifier")["form[enctype]"]
    assert form["method"] == "post"
    field = form.select("input[type=file]")[0]["name"]
    # Written out: Werkzeug's test client puts large files on the disk, which is what we look for.
    body = (
        f'--limit\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n--limit--\r\n"
    )
    kind = f"{form['enctype']}; boundary=limit"
    return Page(visitor, visitor.client.post(form["action"], data=body, content_type=kind))


# By number


def test_genuine_and_current(number, citizen):
    page = citizen.open(f"/verifier/{number}")
    assert page.text("h1") == "Certificat authentique et à jour"
    assert "3 engagements sur 10" in page.text()
    assert "#changes-title" not in page


def test_the_twin_says_what_the_pdf_says(pdf, number, citizen):
    printed = " ".join(PdfReader(BytesIO(pdf)).pages[0].extract_text().split())
    page = citizen.open(f"/verifier/{number}")
    for line in page.soup.select(".certificate .commitment-list p"):
        for words in [line.find_all(string=True)[1].strip(), line.select(".meta")[0].get_text()]:
            assert " ".join(words.split()).lower() in printed.lower(), words
    for fact in page.soup.select(".certificate dd"):
        assert " ".join(fact.get_text().split()) in printed


@pytest.mark.parametrize("spell", [str.lower, lambda n: n.replace("-", ""), lambda n: n.replace("-", " ")])
def test_typed_by_hand(number, citizen, spell):
    page = citizen.open("/verifier").submit("form[method=get]", numero=spell(number))
    assert page.url == f"/verifier/{number}"
    assert citizen.open(f"/verifier/{spell(number)}").url == f"/verifier/{number}"


def test_an_address_is_pasted_whole(number, citizen):
    page = citizen.open("/verifier")
    address = f"https://une-charte-au-nom-plutot-long.example.org/verifier/{number}"
    assert len(address) <= int(page["#numero"]["maxlength"])
    assert page.submit("form[method=get]", numero=address).url == f"/verifier/{number}"


def test_miswritten(number, citizen):
    wrong = number[:-1] + ("2" if number[-1] != "2" else "3")
    typed = citizen.open("/verifier").submit("form[method=get]", numero=wrong)
    by_address = citizen.open(f"/verifier/{wrong}")
    assert (typed.status, by_address.status) == (422, 404)
    for page in (typed, by_address):
        assert page.title.startswith("Erreur")
        assert page["#numero"]["value"] == wrong
        assert "erreur de copie" in page.text("#numero-error")
        assert "erreur de copie" in page.text("#errors")


def test_nothing_typed(citizen):
    page = citizen.open("/verifier").submit("form[method=get]", numero=" ")
    assert page.status == 200
    assert page.text("h1") == "Vérifier un certificat"


def test_unknown(citizen):
    page = citizen.open(f"/verifier/{generate_number()}")
    assert page.status == 404
    assert page.text("h1") == "Certificat inconnu"


def test_replaced(number, citizen, candidate):
    change(candidate, 2, 4)
    for _ in range(2):  # before the next one is issued, and after
        page = citizen.open(f"/verifier/{number}")
        assert page.text("h1") == "Certificat authentique, mais remplacé"
        rows = [[cell.get_text() for cell in row.select("th, td")] for row in page.soup.select("tbody tr")]
        assert [(what, before[:4], after[:4]) for what, before, after in rows] == [
            ("Engagement 2", "non ", "pris"),
            ("Engagement 4", "pris", "non "),
        ]
        assert "3 engagements sur 10" in page.text(".certificate"), "it verifies as what it was"
        candidate.open("/ma-signature").submit("#certificat form")
    twin = candidate.open("/ma-signature/certificat")
    current = citizen.open(twin[".certificate dd a"]["href"])
    assert current.text("h1") == "Certificat authentique et à jour"


def test_replaced_on_the_day_of_the_next_one(number, citizen, candidate, deliver, mailbox, later):
    later(minutes=5)
    change(candidate, 2)
    changed_on = citizen.open(f"/verifier/{number}").text("[role=status]").partition("remplacé le ")[2]
    later(days=3)
    signed_and_confirmed(Visitor(candidate.client.application), deliver, mailbox, 9)
    replaced_on = citizen.open(f"/verifier/{number}").text("[role=status]").partition("remplacé le ")[2]
    assert changed_on
    assert replaced_on
    assert changed_on != replaced_on


def test_true_again(number, citizen, candidate):
    change(candidate, 2, 2)
    assert citizen.open(f"/verifier/{number}").text("h1") == "Certificat authentique et à jour"


def give_back(candidate):
    change(candidate, 1, 3, 4)


def withdraw(candidate):
    with candidate.client.application.app_context():
        db.session.query(Signature).one().status = Status.WITHDRAWN
        db.session.commit()


def withdraw_and_erase(candidate):
    withdraw(candidate)
    with candidate.client.application.app_context():
        rules.anonymise(db.session.query(Signature).one())
        db.session.commit()


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        (give_back, "Signature non publiée"),
        (withdraw, "Signature retirée"),
        (withdraw_and_erase, "Signature retirée"),
    ],
)
def test_withdrawn(pdf, number, citizen, candidate, end, verdict):
    end(candidate)
    for page in (citizen.open(f"/verifier/{number}"), drop(citizen, pdf)):
        assert page.status == 200
        assert page.text("h1") == verdict
        assert number in page.text()
        for words in ("Élodie", "Martin", "Sarlat", "Ensemble", "engagements sur"):
            assert words not in page.response.text


def test_public_fields_only(pdf, number, citizen):
    for page in (citizen.open(f"/verifier/{number}"), drop(citizen, pdf)):
        assert ELODIE["email"].partition("@")[0] not in page.response.text


# By file


def test_the_file_itself(pdf, citizen):
    page = drop(citizen, pdf)
    assert page.text("h1") == "Certificat authentique et à jour"
    assert "à l’octet près" in page.text(".intact-file")


def test_the_file_of_a_replaced_one(pdf, citizen, candidate):
    change(candidate, 2)
    page = drop(citizen, pdf)
    assert page.text("h1") == "Certificat authentique, mais remplacé"
    assert "à l’octet près" in page.text(".intact-file")


def test_the_file_of_an_erased_one(app, pdf, citizen):
    with app.app_context():
        db.session.execute(delete(Certificate))
        db.session.commit()
    page = drop(citizen, pdf)
    assert page.text("h1") == "Signature retirée"


def test_one_byte_changed_anywhere(pdf, number, citizen):
    places = [0, pdf.index(b"/ByteRange"), pdf.index(number.encode()), pdf.index(b"0" * 64), len(pdf) - 1]
    for place in [*places, *random.Random(3).sample(range(len(pdf)), 20)]:
        altered = bytearray(pdf)
        altered[place] ^= 1
        page = drop(citizen, bytes(altered))
        assert page.text("h1") == "Fichier altéré", place
        assert page.soup.select(f"a[href='/verifier/{number}']"), place


def test_something_appended(pdf, citizen):
    appended = BytesIO(pdf)
    writer = PdfWriter(appended, incremental=True)
    writer.add_metadata({"/Title": "Autre chose"})
    update = BytesIO()
    writer.write(update)
    assert update.getvalue().startswith(pdf)
    for altered in (update.getvalue(), pdf + b"\n", b"\n" + pdf):
        assert drop(citizen, altered).text("h1") == "Fichier altéré"


def test_written_again_by_another_program(pdf, citizen):
    again = BytesIO()
    PdfWriter(clone_from=BytesIO(pdf)).write(again)
    assert drop(citizen, again.getvalue()).text("h1") == "Fichier altéré"


def test_without_its_seal(pdf, number, citizen):
    page = drop(citizen, pdf[: pdf.index(b"%%EOF") + 6])
    assert page.text("h1") == "Certificat inconnu"
    assert "ne porte pas le sceau" in page.text(".note")
    assert page.soup.select(f"a[href='/verifier/{number}']")


def test_who_quotes_a_number_is_not_an_altered_certificate(number, citizen):
    page = drop(citizen, f"%PDF-1.4\n(Voir le certificat {number})".encode())
    assert page.text("h1") == "Certificat inconnu"
    assert page.soup.select(f"a[href='/verifier/{number}']")
    assert drop(citizen, f"Voir le certificat {number}".encode()).status == 422


def test_a_pdf_of_somebody_else(citizen):
    blank = BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(blank)
    page = drop(citizen, blank.getvalue())
    assert page.text("h1") == "Certificat inconnu"
    assert page.status == 200


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "Choisissez le fichier"),
        (b"Bonjour", 422, "n’est pas un PDF"),
        (b"%PDF-" + b"a" * FILE_MAX, 413, "dépasse 2 Mo"),
        (b"%PDF-" + b"a" * (9 * FILE_MAX), 413, "dépasse 2 Mo"),
    ],
    ids=["nothing", "not a PDF", "large", "very large"],
)
def test_what_cannot_be_checked(citizen, content, status, words):
    page = drop(citizen, content)
    assert page.status == status
    assert page.title.startswith("Erreur")
    assert words in page.text("#fichier-error")


def test_no_file_at_all(citizen):
    for data in ({}, {"fichier": "texte"}):
        assert citizen.client.post("/verifier", data=data).status_code == 422


def test_the_largest_file_is_read(citizen):
    page = drop(citizen, b"%PDF-" + b"a" * (FILE_MAX - 500))
    assert page.text("h1") == "Certificat inconnu"


def test_files_stay_in_memory(citizen, pdf):
    drop(citizen, pdf)  # what Python imports at the first check does not count
    for content in (pdf, b"%PDF-" + b"a" * (FILE_MAX - 500)):
        with watched() as seen:
            drop(citizen, content)
        written = [path for event, path, mode in seen if event == "open" and set(str(mode)) & set("wax+")]
        assert written == []


def test_checking_asks_for_no_cookie(citizen, pdf):
    assert "Set-Cookie" not in citizen.client.get("/verifier").headers
    assert "Set-Cookie" not in drop(citizen, pdf).response.headers


def test_the_certificate_of_the_organisation(citizen):
    page = citizen.open("/verifier/certificat-organisation.pem")
    assert page.response.data.startswith(b"-----BEGIN CERTIFICATE-----")
    assert b"PRIVATE" not in page.response.data
