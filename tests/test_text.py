"""What people type, made clean and comparable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text import clean_line, fold, without_quotes


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("  Jean   d'Arc ", "Jean d’Arc"),
        ("Zoe\u0308", "Zoë"),
        ("Ma\u202eria", "Maria"),
        ("A\x00B\nC\tD", "AB C D"),
        ("\ud800x", "x"),
        ("o\u0301\u0302\u0303\u0304", "ó\u0302"),
        ("\ufeffLe Guen", "Le Guen"),
    ],
)
def test_clean_line(typed, clean):
    assert clean_line(typed) == clean


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("«\N{NO-BREAK SPACE}Ensemble\N{NO-BREAK SPACE}»", "Ensemble"),
        ('"Ensemble"', "Ensemble"),
        ("“Ensemble”", "Ensemble"),
        ("«»", ""),
        ("« Ensemble » et « demain »", "« Ensemble » et « demain »"),
        ("Ensemble « demain »", "Ensemble « demain »"),
        ("Ensemble", "Ensemble"),
    ],
)
def test_quotation_marks_around_all_of_it_are_ours(typed, kept):
    assert without_quotes(clean_line(typed)) == kept


@given(st.text())
def test_a_clean_line_stays_so_and_can_be_stored(typed):
    clean = clean_line(typed)
    assert clean_line(clean) == clean
    assert "\n" not in clean
    clean.encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jean-Noël d’Œuvre", "JEAN NOEL D OEUVRE"), ("Łukasz", "lukasz"), ("Straße", "STRASSE"), ("ﬁn", "fin")],
)
def test_fold(one, other):
    assert fold(one) == fold(other)
