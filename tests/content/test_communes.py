"""Communes, and the search for them."""

from pathlib import Path

import pytest

from app.config import ConfigError
from app.content.communes import Commune, load_communes

DATA = Path(__file__).parents[2] / "app" / "content"
COMMUNES = load_communes(DATA / "communes.csv", DATA / "former-names.csv")


def names(typed: str) -> list[str]:
    return [commune.name for commune in COMMUNES.search(typed)]


def test_the_files_have_all_communes():
    assert len(COMMUNES) == 503
    assert sum(len(c.former_names) for c in COMMUNES) == 74


@pytest.mark.parametrize(
    "typed",
    ["Sarlat-la-Canéda", "sarlat la caneda", "SARLAT-LA-CANEDA", " Sarlat  la Canéda ", "sarlat"],
)
def test_a_search_ignores_case_accents_and_hyphens(typed):
    assert names(typed) == ["Sarlat-la-Canéda"]


def test_st_is_saint():
    assert names("st astier") == names("Saint-Astier") == ["Saint-Astier"]


def test_a_former_name_finds_the_commune_that_holds_it():
    assert names("Sainte Alvere") == ["Val de Louyre et Caudeau"]


def test_a_postcode_may_find_several_communes():
    assert len(names("24200")) > 1
    assert all("24200" in commune.postcodes for commune in COMMUNES.search("24200"))


def test_every_name_finds_its_commune():
    for commune in COMMUNES:
        assert COMMUNES.search(commune.name) == [commune] or commune.name in names(commune.name)
        assert commune in COMMUNES.search(commune.name)


@pytest.mark.parametrize("typed", ["", " ", "-", "Paris", "99999"])
def test_a_search_that_finds_no_commune(typed):
    assert names(typed) == []


def test_a_typo_gets_a_suggestion():
    assert "Périgueux" in [c.name for c in COMMUNES.suggest("Perigeux")]


@pytest.mark.parametrize(
    ("name", "at", "of"),
    [
        ("Sarlat-la-Canéda", "à Sarlat-la-Canéda", "de Sarlat-la-Canéda"),
        ("Le Bugue", "au Bugue", "du Bugue"),
        ("Les Eyzies", "aux Eyzies", "des Eyzies"),
        ("La Force", "à La Force", "de La Force"),
        ("Agonac", "à Agonac", "d’Agonac"),
        ("Église-Neuve-de-Vergt", "à Église-Neuve-de-Vergt", "d’Église-Neuve-de-Vergt"),
        ("Lembras", "à Lembras", "de Lembras"),
    ],
)
def test_prepositions(name, at, of):
    commune = Commune("24000", name)
    assert (commune.at, commune.of) == (at, of)


HEAD = "code_insee,nom,arr,arrondissement,epci_siren,epci,codes_postaux\n"
FORMER = "ancien_nom,code_insee_actuel\n"


@pytest.mark.parametrize(
    ("communes", "former", "words"),
    [
        (b"", FORMER, "line 1: there is no column arr"),
        (HEAD, FORMER, "has no line after the first"),
        (HEAD + "24520,Sarlat,244,Sarlat,1,CC\n", FORMER, "line 2: codes_postaux is empty"),
        (HEAD + "24520, - ,244,Sarlat,1,CC,24200\n", FORMER, "line 2: nom is empty"),
        (b"\xff", FORMER, "not a CSV file in UTF-8"),
        (HEAD + "24520,Sarlat,244,Sarlat,1,CC,24200\n", "x\n", "there is no column ancien_nom"),
        (None, FORMER, "cannot be read"),
    ],
)
def test_an_error_names_file_and_line(tmp_path, communes, former, words):
    paths = [tmp_path / "communes.csv", tmp_path / "former.csv"]
    for path, text in zip(paths, (communes, former), strict=True):
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=words):
        load_communes(*paths)
