"""French as it is printed."""

from datetime import UTC, date, datetime

from app.french import clock_time, commitments_of, days, duration, long_date, percentage, typeset


def test_dates():
    assert long_date(date(2026, 3, 1)) == "1er\u00a0mars 2026"
    assert long_date(date(2026, 8, 22)) == "22\u00a0août 2026"
    assert (
        long_date(datetime(2026, 3, 14, 23, 30, tzinfo=UTC)) == "15\u00a0mars 2026"
    )  # already the day after in Paris


def test_times_are_those_of_paris():
    assert clock_time(datetime(2026, 7, 1, 7, 5, tzinfo=UTC)) == "9\u00a0h\u00a005"


def test_durations():
    assert [duration(s) for s in (604800, 3600, 5400, 86400, 90)] == [
        "7 jours",
        "1 heure",
        "90 minutes",
        "1 jour",
        "90 secondes",
    ]


def test_terms():
    assert [days(count) for count in (1, 8, 365, 1825, 1826)] == [
        "1\u00a0jour",
        "8\u00a0jours",
        "1\u00a0an",
        "5\u00a0ans",
        "1826\u00a0jours",
    ]


def test_shares():
    written = [percentage(*share) for share in ((0, 503), (1, 503), (1, 8), (501, 503), (7, 7), (0, 0))]
    assert written == [f"{share}\u00a0%" for share in ("0", "moins de 1", "13", "plus de 99", "100", "0")]


def test_counts():
    assert [commitments_of(n, 10) for n in (0, 1, 7)] == [
        "0 engagement sur 10",
        "1 engagement sur 10",
        "7 engagements sur 10",
    ]


def test_typography():
    assert typeset("Vraiment ? Oui : « tout » ; même !") == (
        "Vraiment\u202f? Oui\u00a0: «\u00a0tout\u00a0»\u202f; même\u202f!"
    )
