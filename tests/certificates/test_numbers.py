"""Certificate numbers catch slips of the finger."""

import random

from app.certificates.numbers import ALPHABET, generate_number, parse_number


def test_number_is_parsed_in_any_spelling():
    number = generate_number()
    assert len(number) == len("XXXX-XXXX-XXXX")
    for typed in (number, number.lower(), number.replace("-", ""), number.replace("-", " "), f" {number} "):
        assert parse_number(typed) == number


def test_any_wrong_character_is_caught():
    number = generate_number().replace("-", "")
    for place in range(len(number)):
        for wrong in set(ALPHABET) - {number[place]}:
            assert parse_number(number[:place] + wrong + number[place + 1 :]) is None


def test_any_two_swapped_characters_are_caught():
    for _ in range(200):
        number = list(generate_number().replace("-", ""))
        a, b = random.sample(range(len(number)), 2)
        swapped = number.copy()
        swapped[a], swapped[b] = number[b], number[a]
        assert swapped == number or parse_number("".join(swapped)) is None


def test_invalid_number_is_none():
    for typed in ("", "-", "AAAA", "0000-0000-0000", "É" * 12, "A" * 5000):
        assert parse_number(typed) is None


def test_number_is_parsed_with_the_text_before_it():
    number = generate_number()
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number)
    for typed in (
        f"N° {number}",
        f"n°{number}",
        f"Certificat n°\u00a0{number}",
        f"nº {number}",
        f"№ {number}",
        f"https://charte.example/verifier/{number}",
        f"charte.example/verifier/{number}/",
        wide,
    ):
        assert parse_number(typed) == number, typed
    for typed in (f"A{number}", f"{number}A", f"{number} {number}"):
        assert parse_number(typed) is None, typed
