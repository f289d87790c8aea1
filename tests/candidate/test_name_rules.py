"""What a name may be. Most lines are names as people typed them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.candidate.name_rules import find_fault, find_list_fault, is_office, plain_name
from app.text import clean_line, fold


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Jean‑Pierre", "Jean-Pierre"),  # U+2011
        ("Jean‐Pierre", "Jean-Pierre"),  # U+2010
        ("Jean–Pierre", "Jean-Pierre"),  # U+2013
        ("Jean−Pierre", "Jean-Pierre"),  # U+2212
        ("Dupont—Durand", "Dupont--Durand"),  # U+2014: a telephone's double hyphen
        ("D‘Alençon", "D’Alençon"),
        ("‘t Kint", "’t Kint"),
        ("N´Diaye", "N’Diaye"),
        ("D`Alençon", "D’Alençon"),
        ("D′Alençon", "D’Alençon"),
        ("DʼOrnano", "D’Ornano"),
        ("D'Ornano", "D’Ornano"),
        ("Anne, Marie", "Anne Marie"),
        ("Jean-Pierre (dit Jeannot)", "Jean-Pierre (dit Jeannot)"),
        ("Durand (Dupont)", "Durand (Dupont)"),
        ("J.P.", "J.P."),
        ("Le Maire", "Le Maire"),
        ("Fiﬁne", "Fifine"),  # U+FB01
        ("Ngọc", "Ngọc"),
        ("Иванов", "Иванов"),
        ("Αθηνά", "Αθηνά"),
    ],
)
def test_a_name_is_kept_plain(typed, kept):
    name = plain_name(clean_line(typed))
    assert name == kept
    assert find_fault(name) is None


def test_look_alikes_make_one_person():
    typed = ("D'Ornano", "D’Ornano", "DʼOrnano", "D‘Ornano", "D`Ornano", "d ornano")
    assert {fold(plain_name(clean_line(name))) for name in typed} == {"d ornano"}


@given(st.text(max_size=60))
def test_a_plain_name_stays_as_it_is(text):
    name = plain_name(clean_line(text))
    assert plain_name(clean_line(name)) == name


@pytest.mark.parametrize(
    ("given_name", "family_name"),
    [
        ("Monsieur", "le Maire"), ("Mme", "la préfète"), ("Le", "maire de Sarlat"),
        ("M.", "le Président du conseil"), ("Madame", "la Maire"),
        ("Jean", "M. le Maire"), ("Monsieur", "Maire"),
        ("la", "députée de la Dordogne"),
        ("Monsieur", "l’adjoint"), ("Le", "maire délégué"),
    ],
)  # fmt: skip
def test_a_title_with_a_function_is_no_name(given_name, family_name):
    assert is_office(given_name, family_name)


@pytest.mark.parametrize(
    ("given_name", "family_name"),
    [
        ("Bruno", "Le Maire"), ("Anne", "Maire"), ("Marie", "Maitre"), ("Luc", "Monsieur"), ("Zoé", "Prefet"),
        ("Charles", "Le Maire de Warzée"), ("Jean", "Maire du Poset"), ("Maire", "Brennan"),
        ("Paul", "Lepréfet"),
        ("M.", "Ministrel"), ("Claire", "Président"),
    ],
)  # fmt: skip
def test_a_word_alone_is_a_name(given_name, family_name):
    assert not is_office(given_name, family_name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("https://evil.example/votez", "adresse de site"),
        ("www.exemple", "adresse de site"),
        ("Votez evil.example", "adresse de site"),
        ("Ensemble, écrivez à liste@exemple.fr", "adresse électronique"),
        ("Appelez le 06 12 34 56 78", "téléphone"),
        ("05.53.00.00.00", "téléphone"),
        ("+33 6 12 34 56 78", "téléphone"),
        ("0033612345678", "téléphone"),
    ],
)
def test_a_list_is_no_advertisement(name, words):
    assert words in (find_list_fault(name) or "")


@pytest.mark.parametrize(
    "name",
    [
        "Sarlat 2026", "Ensemble pour 2026-2032", "Demain, c’est nous !", "S.O.S. Village", "Les 12 de 24200",
        "Liste n° 3", "Pour l’avenir. Avec vous", "Un village @ vivre", "24 heures pour Sarlat",
        "<b>{{ 7*7 }}</b>",
    ],
)  # fmt: skip
def test_a_list_may_be_called_so(name):
    assert find_list_fault(name) is None
