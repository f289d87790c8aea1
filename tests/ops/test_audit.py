"""`make audit` fails on a known fault, and passes when the database of faults cannot be reached."""

import json

from tests.audit_packages import judged

KNOWN = {"name": "a", "version": "1", "vulns": []}
FAULTY = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


def answer(*packages):
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_known_fault_fails(capsys):
    assert judged(answer(KNOWN, FAULTY, UNKNOWN), "") == 1
    assert "b 2: PYSEC-1, mended in 3" in capsys.readouterr().out


def test_no_fault_passes(capsys):
    assert judged(answer(KNOWN), "") == 0
    assert "no known fault in 1 packages" in capsys.readouterr().out


def test_an_unreachable_database_of_faults_passes_with_a_notice(capsys):
    assert judged("", "Traceback\nConnectionError: no route\n") == 0
    assert "ConnectionError: no route" in capsys.readouterr().out
    assert judged(answer(UNKNOWN), "") == 0
    assert "1 of 1 packages are unknown" in capsys.readouterr().out
