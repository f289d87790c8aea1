"""The charter file: the published text, and errors with their line and field."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from app import create_app
from app.certificates.exceptions import CertificateError
from app.certificates.pdf import ASSETS, draw_charter
from app.config import ConfigError
from app.content.charter import MAX_COMMITMENTS, load_charter

FILE = Path(__file__).parents[2] / "app" / "content" / "charter.toml"

#: As published by the Dordogne members of the CRESS Nouvelle-Aquitaine, closing punctuation left out.
PUBLISHED = [
    "Sensibiliser mes agent·es et mes élu·es à l’ESS et aux enjeux des coopérations territoriales",
    "Organiser un temps fort sur ma collectivité pour faciliter la rencontre entre les structures de "
    "l’ESS, les citoyens et citoyennes et les élu·es",
    "Soutenir la création de nouveaux lieux ESS et conforter les lieux existants",
    "Faciliter l’accès au foncier des acteurs et actrices de l’ESS",
    "Agir sur mes achats écologiquement et socialement responsables en facilitant l’accès à la "
    "commande publique des organisations de l’ESS",
    "Inscrire les coopérations avec les acteurs et actrices de l’ESS dans la durée en favorisant des "
    "conventions pluriannuelles et des financements de fonctionnement plutôt que des appels à projets",
    "S’engager à concerter les acteurs et actrices de l’ESS dans la construction de la stratégie "
    "économique de ma collectivité",
    "Avoir, au sein de ma collectivité, un service et un·e élu·e référent·e ESS dans le champ du "
    "développement économique",
    "S’engager à soutenir les expérimentations et les innovations sociales pour répondre aux enjeux "
    "sociétaux de mon territoire",
    "Soutenir et m’appuyer sur l’écosystème de soutien au développement et au financement de l’ESS existant",
]


@pytest.fixture
def broken(tmp_path):
    """Write a copy of the charter with one thing changed."""
    for name in ("communes.csv", "former-names.csv"):
        (tmp_path / name).symlink_to(FILE.parent / name)

    def write(old: str, new: str) -> Path:
        source = FILE.read_text(encoding="utf-8")
        assert old in source
        path = tmp_path / "charter.toml"
        path.write_text(source.replace(old, new, 1), encoding="utf-8")
        return path

    return write


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_the_commitments_are_the_published_ones():
    assert [c.text for c in load_charter(FILE).commitments] == PUBLISHED


def test_label_and_rest_make_the_text():
    for commitment in load_charter(FILE).commitments:
        assert commitment.label + commitment.rest == commitment.text


def test_the_edition_is_a_hash_of_the_wording_that_is_signed():
    charter = load_charter(FILE)
    other = replace(charter.commitments[0], text=charter.commitments[0].text + "!")
    assert re.fullmatch("[0-9a-f]{64}", charter.edition)
    assert replace(charter, commitments=(other, *charter.commitments[1:])).edition != charter.edition
    assert replace(charter, purpose="autre").edition != charter.edition
    assert replace(charter, contacts=()).edition == charter.edition


@pytest.mark.parametrize(
    ("old", "new", "field", "place"),
    [
        ('title = "Charte', 'titre = "Charte', "title is missing", None),
        ('[territory]\nname = "Dordogne"', "[territory]", "territory.name is missing", "[territory]"),
        ('label = "Faciliter l’accès', 'label = "L’accès', "commitments[4].label", 'label = "L’accès'),
        ("mandate_ends = 2032-03-31", 'mandate_ends = "2032"', "campaign.mandate_ends", "mandate_ends"),
        ("polling_days = [2026-03-15, 2026-03-22]", "polling_days = []", "polling_days", "polling_days"),
        ('email = "n.perez@cress-na.org"', "email = 3", "contacts[1].email", "email = 3"),
        ('communes = "communes.csv"', 'communes = "nowhere.csv"', "territory.communes", "nowhere.csv"),
        ('[campaign]\nname = "Élect', '[campaign]\nnom = 1\nname = "Élect', "campaign.nom", "nom = 1"),
        ('purpose = "Cette', 'purpose = " Cette', "purpose", 'purpose = " Cette'),
        ("[[2026-03-14, 2026-03-15]", "[[2026-03-15, 2026-03-14]", "campaign.silence", "silence"),
        ("[[contacts]]", '[[commitments]]\nlabel = "Onze"\ntext = "Onze"\n[[contacts]]',
         "commitments[11].label is one too many: at most 10", 'label = "Onze"'),
    ],
)  # fmt: skip
def test_an_error_names_line_and_field(broken, old, new, field, place):
    path = broken(old, new)
    with pytest.raises(ConfigError, match=re.escape(field)) as caught:
        load_charter(path)
    assert f"line {line_of(path, place) if place else 1}:" in str(caught.value)


def test_each_commitment_has_a_poster_and_a_bit():
    posters = (ASSETS / "img").glob("panel-*[0-9].svg")
    assert {poster.stem for poster in posters} == {f"panel-{n}" for n in range(1, MAX_COMMITMENTS + 1)}
    assert 1 << (MAX_COMMITMENTS - 1) < 2**31, "the INTEGER of PostgreSQL"


def test_an_eleventh_commitment_does_not_fit_the_page(app):
    charter = load_charter(FILE)
    eleventh = replace(charter.commitments[0], number=MAX_COMMITMENTS)  # a number that has a poster
    with app.test_request_context(), pytest.raises(CertificateError, match="2 pages instead of one"):
        draw_charter(
            replace(charter, commitments=(*charter.commitments, eleventh)), "https://charte.example/"
        )


def test_bad_toml_names_the_line(broken):
    path = broken('title = "Charte', "title = Charte")
    with pytest.raises(ConfigError, match=f"line {line_of(path, 'title = Charte')}"):
        load_charter(path)


def test_a_missing_file_is_an_error():
    with pytest.raises(ConfigError, match="cannot be read"):
        load_charter(Path("nowhere.toml"))


def test_a_wrong_file_stops_the_start(settings, broken):
    with pytest.raises(ConfigError, match="line 1: title is missing"):
        create_app(settings | {"CHARTER_FILE": str(broken('title = "Charte', 'titre = "Charte'))})


def test_another_territory_changes_one_file(settings, broken, tmp_path):
    path = broken('name = "Dordogne"', 'name = "Corrèze"')
    source = path.read_text()
    cut = source[: source.index('[[commitments]]\nlabel = "S’engager à soutenir')]
    contacts = source[source.index("[[contacts]]") :]
    path.write_text(cut + contacts)
    assert len(tomllib.loads(path.read_text())["commitments"]) == 8
    client = create_app(
        settings | {"CHARTER_FILE": str(path), "SQLALCHEMY_DATABASE_URI": "sqlite://"}
    ).test_client()
    page = client.get("/mentions-legales").text
    assert 'Charte ESS<span class="brand-place"> Corrèze' in page
