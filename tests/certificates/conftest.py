"""Fixtures of the tests of documents."""

import re

import pytest

from tests.support.documents import poppler, template_app


@pytest.fixture
def context():
    """Run inside a small application that has our templates."""
    with template_app().app_context():
        yield


@pytest.fixture
def written(tmp_path):
    """Write a document to a file."""

    def write(pdf):
        path = tmp_path / "document.pdf"
        path.write_bytes(pdf)
        return path

    return write


@pytest.fixture
def boxes(written):
    """List where each word stands: left, top, right, bottom, in points from the top left."""

    def read(pdf):
        found = poppler("pdftotext", "-bbox", written(pdf), "-")
        return [
            tuple(float(side) for side in re.findall(r'="([\d.]+)"', line))
            for line in found.splitlines()
            if "<word" in line
        ]

    return read
