"""The register as files: they say what the pages say, to the line, and nothing else."""

import csv
import gzip
import io
import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import brotli
import feedparser
import pytest
from bs4 import BeautifulSoup
from frictionless import Resource, Schema
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import update

from app import clock, create_app, french
from app.citizen.open_data import DOWNLOADS
from app.extensions import charter, db
from app.models import ConsentPurpose, Entry, Role, Signature, Status, new_code
from app.register import export, queries
from app.signatures import lookup, rules
from app.signatures.rules import Signatory
from app.text import clean_line
from tests.support.database import copy_database, listen_to_statements
from tests.support.hostile_names import NAMES
from tests.support.journeys import ELODIE, signed_and_confirmed
from tests.support.site import ROOT, SECRET
from tests.support.visitor import Visitor, check_typography

FILES = ("/signataires.csv", "/signataires.json", "/signataires.atom")
ATOM = "{http://www.w3.org/2005/Atom}"
FILTERS = (
    "", "?commune=Agonac", "?epci=200040392", "?arrondissement=243", "?qualite=candidat", "?engagement=3",
    "?nom=roux", "?nom=le&commune=Agonac&tri=nom", "?qualite=elu&engagement=1&tri=nom",
)  # fmt: skip


def get(app, path, **headers):
    with app.test_client().get(path, headers=headers) as response:
        assert response.status_code == 200, path
        return response.text


def rows_of_csv(app, asked=""):
    text = get(app, f"/signataires.csv{asked}")
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def rows_of_json(app, asked=""):
    return json.loads(get(app, f"/signataires.json{asked}"))["signataires"]


def entries_of_feed(app, asked=""):
    text = get(app, f"/signataires.atom{asked}")
    feed = feedparser.parse(text)
    assert not feed.bozo, feed
    return feed.entries


def parsed(text):
    return ElementTree.fromstring(text)  # noqa: S314  # our own


def codes_on_pages(app, asked=""):
    """Read every page of a list, through its own links."""
    page = Visitor(app).open(f"/signataires{asked}")
    codes = []
    while True:
        codes += [a["href"].rpartition("/")[2] for a in page.soup.select(".entry .name a")]
        following = page.soup.select("[rel=next]")
        if not following:
            return codes
        page = page.visitor.open(following[0]["href"])


# A history of 200 steps, of the people of three communes


class History:
    """Whatever people do, one thing after the other, at random but the same each time."""

    def __init__(self) -> None:
        self.chance = random.Random(20261123)
        self.time = datetime(2026, 1, 5, 8, tzinfo=UTC)
        self.gone: list[str] = []

    def step(self) -> None:
        self.time += timedelta(minutes=self.chance.randint(1, 600))
        confirmed = db.session.query(Signature).filter_by(status=Status.CONFIRMED).order_by(Signature.id)
        if confirmed.count() < 4:
            self.arrive()
        else:
            acts = (self.answer, self.answer, self.amend, self.withdraw)
            act = self.chance.choice((*acts, self.arrive, self.arrive, self.arrive, self.begin))
            act(*[self.chance.choice(confirmed.all())] if act in acts else [])
        db.session.commit()

    def person(self) -> Signatory:
        return Signatory(
            self.chance.choice(["Zoé", "Marc", "Le", "Jean-Roux"]),
            self.chance.choice(["Lé", "Roux", "Le Roux", "Dupont"]),
            self.chance.choice(list(Role)),
            self.chance.choice(["24002", "24067", "24520"]),
            self.chance.choice(["Ensemble", "=2+2", "Demain, tous", None]),
            f"{self.chance.randrange(10**9)}@example.org",
        )

    def begin(self) -> Signature:
        signature = rules.sign(
            self.person(),
            self.chance.sample(range(1, 11), self.chance.randint(1, 10)),
            {ConsentPurpose.PUBLICATION: "J’accepte."},
            code=new_code(),
            charter=charter,
            within_quota=True,
            now=self.time,
        )
        db.session.add(signature)
        db.session.commit()
        return signature

    def arrive(self) -> None:
        pending = db.session.query(Signature).filter_by(status=Status.PENDING).all()
        draft = self.chance.choice(pending) if pending and self.chance.random() < 0.3 else self.begin()
        shown = rules.shown_hash(draft, charter)
        rules.confirm(draft, lookup.find_confirmed(draft), shown=shown, charter=charter, now=self.time)

    def answer(self, signature: Signature) -> None:
        number = self.chance.randint(1, 10)
        taken = number not in signature.pledges
        rules.set_pledge(signature, charter.commitment(number), taken=taken, now=self.time)

    def amend(self, signature: Signature) -> None:
        person = self.person()
        rules.amend(signature, person, within_quota=True, may_warn=True, now=self.time)

    def withdraw(self, signature: Signature) -> None:
        self.gone.append(signature.code)
        rules.withdraw(signature, self.time)


@pytest.fixture
def history(monkeypatch):
    """What happens next, and when it is."""
    history = History()
    monkeypatch.setattr(clock, "_time", lambda: history.time)
    return history


@pytest.fixture(scope="module")
def life(tmp_path_factory, module_database):
    """A database that 200 things have happened to, made once, and who made them happen."""
    folder = tmp_path_factory.mktemp("life")
    app = create_app(
        {
            "SECRET_KEY": SECRET,
            "SERVER_NAME": "localhost",
            "SQLALCHEMY_DATABASE_URI": module_database,
            "ERASURE_LEDGER": f"{folder}/erased.txt",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_DEFAULT_SENDER": "charte@example.org",
        }
    )
    history = History()
    with pytest.MonkeyPatch.context() as patch, app.test_request_context(method="POST"):
        patch.setattr(clock, "_time", lambda: history.time)
        db.create_all()
        for _ in range(200):
            history.step()
        db.session.remove()
        db.engine.dispose()
    assert len(history.gone) > 10
    return module_database, history


@pytest.fixture
def lived(life, history, settings, database_url):
    """A site where 200 things have happened."""
    made, past = life
    history.time, history.gone = past.time, past.gone.copy()
    copy_database(made, database_url)
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("asked", FILTERS)
def test_pages_and_files_agree_line_by_line(lived, asked, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_SIZE", 7)
    monkeypatch.setattr(export, "BATCH", 5)
    table, objects = rows_of_csv(lived, asked), rows_of_json(lived, asked)
    on_pages = codes_on_pages(lived, asked)
    assert len(on_pages) >= 1
    assert sorted(row["code"] for row in table) == sorted(on_pages)
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in objects] == [
        {k: v.removeprefix("'") for k, v in row.items()} for row in table
    ]
    with lived.app_context():
        lines = db.session.query(Entry).filter(Entry.code.in_(on_pages)).order_by(Entry.signature_id).all()
        assert [row["code"] for row in table] == [line.code for line in lines]
        newest = sorted(lines, key=lambda line: (line.confirmed_at, line.code), reverse=True)
        assert [entry.id.rpartition("/")[2] for entry in entries_of_feed(lived, asked)] == [
            line.code for line in newest[:50]
        ]


def test_each_line_says_what_its_page_says(lived):
    visitor = Visitor(lived)
    entries = {entry.id: entry for entry in entries_of_feed(lived)}
    assert len(entries) > 20
    for row in rows_of_json(lived):
        page = visitor.open(row["page"])
        said = page.text()
        assert page.text("h1") == f"{row['prenom']} {row['nom']}"
        labels = {"tete-de-liste": "tête de liste", "colistier": "colistier·ère", "elu": "élu·e"}
        assert page.text(".role").startswith(labels[row["qualite"]])
        assert row["liste"] is None or f"«\u00a0{row['liste']}\u00a0»" in page.text(".role")
        commune = communes_of(lived).get(row["commune_insee"])
        assert commune.name == row["commune"]
        assert page.text(".role").endswith(commune.at)
        assert (commune.epci.code, commune.epci.name) == (row["epci_siren"], row["epci"])
        district = row["arrondissement_insee"], row["arrondissement"]
        assert (commune.district.code, commune.district.name) == district
        assert f"confirmée le {in_french(row['confirmee_le'])}." in said
        taken = {n: row[f"engagement_{n}"] for n in range(1, 11) if row[f"engagement_{n}"]}
        assert row["engagements"] == len(taken)
        assert [f"Pris le {in_french(day)}" for day in taken.values()] == [
            day.get_text() for day in page.soup.select(".commitment-list .meta")
        ]
        if row["page"] in entries:
            told = BeautifulSoup(entries[row["page"]].content[0].value, "html.parser")
            words = [" ".join(part.get_text(" ").split()) for part in told.select("p, li")]
            assert len(words) == len(taken) + 3
            for part in words:
                assert part in " ".join(said.split()), part


def communes_of(app):
    return app.extensions["communes"]


def in_french(day):
    return french.long_date(datetime.fromisoformat(day))


def test_who_withdraws_is_nowhere_in_the_next_request(lived, history):
    for code in history.gone:
        for path in FILES:
            assert code not in get(lived, path)
    code = rows_of_json(lived)[0]["code"]
    assert all(code in get(lived, path) for path in FILES[:2])
    tags = {path: lived.test_client().head(path).headers["ETag"] for path in FILES}
    with lived.test_request_context(method="POST"):
        history.withdraw(db.session.query(Signature).filter_by(code=code).one())
        db.session.commit()
    for path in FILES:
        assert code not in get(lived, path, If_None_Match=tags[path])  # and no 304


def test_what_is_not_public_is_in_no_file(candidate, app, deliver, mailbox):
    signed_and_confirmed(candidate, deliver, mailbox)
    for path in FILES:
        text = get(app, path)
        assert "Élodie" in text
        assert ELODIE["email"].partition("@")[0] not in text
    (row,) = rows_of_csv(app)
    assert "1" not in (row["code"], row["nom"])
    assert not {"id", "email", "signature_id"} & set(row)


def test_the_order_is_that_of_the_beginnings(app, history):
    with app.test_request_context(method="POST"):
        first, second = history.begin(), history.begin()
        codes = [first.code, second.code]
        for draft in (second, first):
            history.time += timedelta(hours=1)
            shown = rules.shown_hash(draft, charter)
            rules.confirm(draft, None, shown=shown, charter=charter, now=history.time)
            db.session.commit()
    assert [row["code"] for row in rows_of_csv(app, "?tri=nom")] == codes
    assert codes_on_pages(app) == codes
    assert [entry.id.rpartition("/")[2] for entry in entries_of_feed(app)] == codes


def test_days_are_those_of_paris(app, history):
    history.time = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    with app.test_request_context(method="POST"):
        history.arrive()
        db.session.commit()
    (row,) = rows_of_csv(app)
    assert row["confirmee_le"] == "2026-03-02"
    assert row["modifiee_le"] == "2026-03-01T23:30:00Z"
    assert "2026-03-02" in [row[f"engagement_{n}"] for n in range(1, 11)]


# What people may be called

#: All that `clean_line` lets through, and it is what every form does to every text.
CLEAN = sorted({clean_line(name.encode("utf-8", "ignore").decode())[:60] for name in NAMES.values()} - {""})
FORMULAS = (
    "=1+1",
    "+33",
    "-1",
    "@SUM(A1)",
    "  =1",
    "\t=1",
    "\r=1",
    "\n=1",
    "\u00a0=1",
    "\u3000＝1",
    "＋1",
    "－1",
    "＠A",
)


@pytest.fixture
def hostile(app, history):
    """A site where everybody bears a name that is up to something."""
    with app.test_request_context(method="POST"):
        for name in CLEAN:
            history.time += timedelta(minutes=1)
            history.arrive()
            db.session.commit()
            names = {"given_name": name, "family_name": name, "list_name": name}
            newest = db.session.query(Entry.code).order_by(Entry.signature_id.desc()).limit(1).scalar()
            db.session.execute(update(Entry).where(Entry.code == newest).values(**names))
        db.session.commit()
    return app


def test_hostile_names_do_nothing_in_a_file(hostile):
    assert len(CLEAN) >= 40
    objects, table = rows_of_json(hostile), rows_of_csv(hostile)
    assert [row["nom"] for row in objects] == CLEAN
    for name, row in zip(CLEAN, table, strict=True):
        assert {row["prenom"], row["nom"], row["liste"]} == {export.defuse(name)}
        assert row["nom"][0] not in "=+-@"
    assert any(row["nom"].startswith("'=") for row in table)


def test_hostile_names_are_text_in_the_feed(hostile):
    root = parsed(get(hostile, "/signataires.atom"))
    entries = root.findall(f"{ATOM}entry")
    titles = [entry.findtext(f"{ATOM}title") for entry in entries]
    names = CLEAN[::-1][:50]
    assert [title.rpartition(", ")[0] for title in titles] == [f"{name} {name}" for name in names]
    for entry, name in zip(entries, names, strict=True):
        assert {child.tag.removeprefix(ATOM) for child in entry} == {
            "id", "title", "link", "published", "updated", "content",
        }  # fmt: skip
        told = BeautifulSoup(entry.findtext(f"{ATOM}content"), "html.parser")
        assert {element.name for element in told.find_all()} == {"p", "ol", "li", "strong", "br"}
        assert f"«\u00a0{name}\u00a0»" in told.p.get_text()


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_defused(text):
    assert export.defuse(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Zoé", "3 communes", "« = »", "a=b", "’"])
def test_what_is_none_is_left_alone(text):
    assert export.defuse(text) == text


def test_every_text_of_the_table_is_defused(app, history):
    with app.test_request_context(method="POST"):
        history.arrive()
        db.session.commit()
        db.session.execute(update(Entry).values(given_name="-1", family_name="＝A", list_name=" @A"))
        db.session.commit()
    (row,), (same,) = rows_of_csv(app), rows_of_json(app)
    assert (row["prenom"], row["nom"], row["liste"]) == ("'-1", "'＝A", "' @A")
    assert (same["prenom"], same["nom"], same["liste"]) == ("-1", "＝A", " @A")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2))
@example(['"', '"",\r\n'])
@example(["\r", "\n"])
@example(["%s", "%(name)s"])
def test_any_text_is_read_back(texts):
    defused = [export.defuse(text) for text in texts]
    written = b"".join(export.write_csv(["a", "b"], [[defused], []])).decode()
    assert list(csv.reader(io.StringIO(written, newline=""), strict=True)) == [["a", "b"], defused]
    written = b"".join(export.write_json({"h": '"'}, ["a", "b"], [[texts], [texts, texts]]))
    assert json.loads(written) == {"h": '"', "signataires": [dict(zip("ab", texts, strict=True))] * 3}


# What is told of the files


def schema_of(app):
    return json.loads(get(app, "/donnees-ouvertes/schema.json"))


@pytest.mark.parametrize("site", ["lived", "hostile", "app"])
def test_the_table_is_what_its_schema_says(site, request, tmp_path):
    app = request.getfixturevalue(site)
    table = tmp_path / "signataires.csv"
    table.write_text(get(app, "/signataires.csv"), encoding="utf-8", newline="")
    schema = Schema.from_descriptor(schema_of(app))
    report = Resource(path=table.name, basepath=str(tmp_path), schema=schema).validate()
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])
    assert report.tasks[0].stats.get("rows", 0) == len(rows_of_json(app))


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("code", "1"), ("nom", ""), ("qualite", "chef"), ("commune_insee", "2452"), ("confirmee_le", "hier"),
        ("modifiee_le", "2026-01-01"), ("engagements", "0"), ("engagements", "11"), ("engagement_3", "oui"),
        ("page", "ici"),
    ],
)  # fmt: skip
def test_the_schema_sees_what_is_wrong(lived, tmp_path, column, cell):
    rows = rows_of_csv(lived)
    rows[0][column] = cell
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    schema = Schema.from_descriptor(schema_of(lived))
    report = Resource(path="t.csv", basepath=str(tmp_path), schema=schema).validate()
    assert {error[0] for error in report.flatten(["fieldName"])} == {column}


def test_the_page_tells_each_column_and_nothing_else(lived):
    page = Visitor(lived).open("/donnees-ouvertes")
    fields = schema_of(lived)["fields"]
    told = [dt.code.get_text() for dt in page.soup.select(".columns dt")]
    assert told == [field["name"] for field in fields] == list(rows_of_csv(lived)[0])
    for field in fields:
        assert field["title"]
        assert field["description"] in page.text(".columns")
        check_typography(field["description"] + field["title"])
    (shown,) = csv.DictReader(io.StringIO(page[".example"].get_text(), newline=""))
    assert list(shown) == told
    assert shown == {field["name"]: str(field["example"]) for field in fields}


def test_the_page_is_a_dataset(lived, history):
    page = Visitor(lived).open("/donnees-ouvertes")
    dataset = page["[itemtype='https://schema.org/Dataset']"]
    properties = {element["itemprop"] for element in dataset.select("[itemprop]")}
    assert properties >= {"name", "description", "license", "creator", "dateModified", "distribution", "url"}
    assert page["[itemprop=license]"]["href"] == schema_of(lived)["licenses"][0]["path"]
    files = [
        (each.select_one("[itemprop=contentUrl]")["href"], each.select_one("meta")["content"])
        for each in dataset.select("[itemtype='https://schema.org/DataDownload']")
    ]
    assert files == [*zip(FILES, ("text/csv", "application/json", "application/atom+xml"), strict=True)]
    for path, media_type in files:
        assert lived.test_client().head(path).mimetype == media_type
    changed = datetime.fromisoformat(page["[itemprop=dateModified]"]["datetime"])
    told = json.loads(get(lived, "/signataires.json"))
    assert changed == datetime.fromisoformat(told["modifie_le"])
    assert told["licence"] in page.text()
    assert told["source"].casefold() in page.text().casefold()


def test_nobody_yet(citizen, app):
    assert "personne n’a encore signé" in citizen.open("/donnees-ouvertes").text()
    assert rows_of_csv(app) == []
    assert json.loads(get(app, "/signataires.json"))["modifie_le"] is None
    assert entries_of_feed(app) == []


def test_another_charter_has_as_many_columns_as_commitments(settings, tmp_path):
    text = Path(create_app(settings).config["CHARTER_FILE"]).read_text(encoding="utf-8")
    parts = text.split("[[commitments]]")
    data = ROOT / "app" / "content"
    shorter = "[[commitments]]".join(parts[:7]) + "[[contacts]]" + text.split("[[contacts]]", 1)[1]
    for name in ("communes.csv", "former-names.csv"):
        shorter = shorter.replace(f'"{name}"', f'"{data / name}"')
    (tmp_path / "charter.toml").write_text(shorter, encoding="utf-8")
    app = create_app(settings | {"CHARTER_FILE": str(tmp_path / "charter.toml")})
    with app.app_context():
        db.create_all()
        header = next(csv.reader(io.StringIO(get(app, "/signataires.csv"))))
        db.engine.dispose()
    assert [name for name in header if name.startswith("engagement_")] == [
        f"engagement_{n}" for n in range(1, 7)
    ]


def test_a_silence_is_told(app, history):
    with app.test_request_context(method="POST"):
        history.arrive()
        db.session.commit()
    assert json.loads(get(app, "/signataires.json"))["silence"] is None
    history.time = datetime(2026, 3, 14, 12, tzinfo=UTC)
    with app.test_request_context(method="POST"):
        history.arrive()
        db.session.commit()
    told = json.loads(get(app, "/signataires.json"))
    assert told["silence"].startswith("Le registre est montré tel qu’il était avant le scrutin.")
    assert "16\u00a0mars 2026" in told["silence"]
    assert len(told["signataires"]) == len(rows_of_csv(app)) == len(entries_of_feed(app)) == 1
    assert feedparser.parse(get(app, "/signataires.atom")).feed.subtitle == told["silence"]


def test_the_feed_has_what_a_feed_must_have(lived):
    """RFC 4287, 4.1.1 and 4.1.2."""
    root = parsed(get(lived, "/signataires.atom?engagement=3&tri=nom"))
    assert [len(root.findall(f"{ATOM}{name}")) for name in ("id", "title", "updated", "author")] == [
        1,
        1,
        1,
        1,
    ]
    assert root.findtext(f"{ATOM}id") == "http://localhost/signataires?engagement=3"
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert links["self"] == "http://localhost/signataires.atom?engagement=3"
    entries = root.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids) > 1
    rows = {row["page"]: row for row in rows_of_json(lived)}
    for entry in entries:
        row = rows[entry.findtext(f"{ATOM}id")]
        published, updated = (
            datetime.fromisoformat(entry.findtext(f"{ATOM}{name}")) for name in ("published", "updated")
        )
        assert published <= updated == datetime.fromisoformat(row["modifiee_le"])
        assert published.astimezone(french.PARIS).date().isoformat() == row["confirmee_le"]
        assert entry.find(f"{ATOM}content").get("type") == "html"


def test_the_feed_is_announced_and_the_files_are_offered(lived):
    page = Visitor(lived).open("/signataires?qualite=elu&engagement=3&tri=nom")
    links = [a["href"] for a in page.soup.select("#results .formats a")]
    assert links == [*(f"{path}?qualite=elu&engagement=3" for path in FILES), "/donnees-ouvertes"]
    announced = page["link[rel=alternate]"]
    assert (announced["type"], announced["href"]) == ("application/atom+xml", links[2])
    for link in links[:3]:
        get(lived, link)


# How the files are sent


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("asked", ["epci=x", "qualite=roi", "commune=Nulle-Part", "commune=24200", "nom=..."])
def test_a_search_that_finds_no_place_is_an_error(citizen, path, asked):
    page = citizen.open(f"{path}?{asked}")
    assert page.status == 404
    assert page.text("h1") == "Page introuvable"


def test_the_table_is_a_file_to_keep(app):
    headers = app.test_client().head("/signataires.csv").headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert headers["Content-Disposition"] == "attachment; filename=signataires.csv"


def test_anybody_may_read_the_files_and_nothing_else(lived):
    client = lived.test_client()
    assert client.get("/signataires").headers.get("Access-Control-Allow-Origin") is None
    for rule in lived.url_map.iter_rules():
        if "GET" not in rule.methods or rule.arguments:
            continue
        headers = client.head(rule.rule, headers={"Origin": "https://ailleurs.example"}).headers
        shared = rule.rule in (*FILES, "/donnees-ouvertes/schema.json")
        assert headers.getlist("Access-Control-Allow-Origin") == ["*"] * shared, rule
        assert headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if shared else "same-origin"), rule
        assert headers.get("X-Robots-Tag") == ("noindex" if shared else None), rule
        assert "Access-Control-Allow-Credentials" not in headers
        assert not shared or "Set-Cookie" not in headers


@pytest.fixture
def statements(lived):
    """Every statement that reads lines of the register, since it was last cleared."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        if "FROM entry" in statement:
            seen.append(statement)

    listen_to_statements(lived, note)
    return seen


@pytest.mark.parametrize("path", [*FILES, "/donnees-ouvertes", "/donnees-ouvertes/schema.json"])
def test_who_has_a_file_is_told_so(lived, history, statements, path):
    history.time = datetime.now(UTC) + timedelta(days=1)  # after this program was written
    client = lived.test_client()
    with client.get(path) as first:
        assert first.headers["Cache-Control"] == "no-cache"
    statements.clear()
    for name, value in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
        again = client.get(path, headers={name: first.headers[value]})
        assert (again.status_code, again.data) == (304, b""), name
        assert ("Access-Control-Allow-Origin" in again.headers) == (path != "/donnees-ouvertes")
    assert statements == []


@pytest.mark.parametrize("path", FILES[:2])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_asking_for_the_headers_reads_no_line(lived, statements, path, coding):
    client = lived.test_client()
    asked = client.head(path, headers={"Accept-Encoding": coding})
    assert asked.data == b""
    assert statements == []
    with client.get(path, headers={"Accept-Encoding": coding}) as sent:
        assert sent.data
    assert len(statements) == 1
    assert "Content-Length" not in asked.headers
    assert dict(asked.headers) == dict(sent.headers)


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("path", FILES[:2])
def test_a_client_that_goes_away_gives_its_connection_back(lived, monkeypatch, path, coding):
    monkeypatch.setattr(export, "BATCH", 2)
    with lived.app_context():
        pool = db.engine.pool
    assert pool.checkedout() == 0
    client = lived.test_client()
    for _ in range(pool.size() + pool.overflow() + 20):
        response = client.get(path, headers={"Accept-Encoding": coding}, buffered=False)
        chunks = response.iter_encoded()
        assert next(chunks)
        if coding == "identity":
            assert next(chunks)
            assert next(chunks)
            assert pool.checkedout() == 1
        response.close()
        del chunks
        assert pool.checkedout() == 0


def test_others_write_while_a_file_is_read(lived, history, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    before = rows_of_csv(lived)
    response = lived.test_client().get("/signataires.csv", buffered=False)
    chunks = response.iter_encoded()
    read = next(chunks) + next(chunks)
    with lived.test_request_context(method="POST"):
        for signature in db.session.query(Signature).filter_by(status=Status.CONFIRMED):
            history.withdraw(signature)
        db.session.commit()
    read += b"".join(chunks)
    response.close()
    assert list(csv.DictReader(io.StringIO(read.decode(), newline=""))) == before
    assert rows_of_csv(lived) == []


@pytest.mark.parametrize("path", FILES)
def test_files_are_compressed_as_they_are_sent(lived, path):
    whole = get(lived, path).encode()
    for coding, expand in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        with lived.test_client().get(path, headers={"Accept-Encoding": coding}) as response:
            assert response.headers["Content-Encoding"] == coding
            assert len(response.data) < len(whole) / 3
            assert expand(response.data) == whole
            assert "Accept-Encoding" in response.vary


LINES = 100_000
#: Bytes: less than the lines take, as CSV or as JSON.
MEMORY = 24 * 1024 * 1024


def test_memory_does_not_grow_with_the_register(database_url):
    """In a process of its own, since what counts is all that the process takes."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.support.multitude", database_url, str(LINES)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    figures = [line.split() for line in told.splitlines()]
    assert len(figures) == 4
    for path, coding, lines, size, growth in figures:
        assert coding != "identity" or (int(lines) >= LINES and int(size) > MEMORY)
        assert int(growth) < MEMORY, (path, coding)


@pytest.mark.parametrize("path", ["/signataires.csv", "/signataires.json"])
def test_slow_readers_do_not_take_every_thread(app, citizen, path):
    """Two files at a time; the third reader is told to come back, and pages are served."""
    for _ in range(2):
        assert DOWNLOADS.acquire(blocking=False)
    with citizen.client.get(path) as refused:
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    assert citizen.open("/signataires").status == 200
    DOWNLOADS.release()
    for _ in range(3):  # each leaves its place: read whole, left in the middle, or asked for its headers
        with citizen.client.get(path) as response:
            assert response.status_code == 200
        citizen.client.get(path, buffered=False).close()
        citizen.client.head(path).close()
    assert DOWNLOADS.acquire(blocking=False)
    assert not DOWNLOADS.acquire(blocking=False)
    for _ in range(2):
        DOWNLOADS.release()
