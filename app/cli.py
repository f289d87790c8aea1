"""Commands for cron and for the person who runs the site."""

import click
from flask import Flask
from flask.cli import AppGroup

from app import courier

letters = AppGroup("letters", help="The outbox.")


@letters.command()
def deliver() -> None:
    """Send every letter that is due, once: for a host that runs cron and no daemon."""
    sent = courier.deliver_due()
    due = courier.next_due()
    click.echo(f"{sent} sent; " + (f"the next one is due at {due:%H:%M:%S} UTC" if due else "none waits"))


def init_app(app: Flask) -> None:
    """Add the commands to ``flask``."""
    app.cli.add_command(letters)
