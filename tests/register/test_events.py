"""The session events of the register, which `create_app` registers."""

from app import create_app
from tests.support.database import listen_to_statements
from tests.support.journeys import listed


def test_a_second_application_does_not_register_the_events_again(app, settings):
    create_app(settings)
    statements = []
    listen_to_statements(app, lambda *call: statements.append(call[2]))
    listed(app, 1)
    assert sum(statement.startswith("INSERT INTO entry") for statement in statements) == 1
    assert sum("FROM entry" in statement for statement in statements) == 1, "read once for each update"
