"""Commands for cron and for the person who runs the site."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.local import LocalProxy

from app.certificates import key
from app.certificates.exceptions import SealError
from app.certificates.numbers import generate_number
from app.clock import now
from app.extensions import charter, db
from app.mail import outbox
from app.ops import backup, checks, jobs, moderation, schema_version
from app.register import audit
from app.signatures import retention
from app.web.logging import describe

site = AppGroup()
letters = AppGroup("letters", help="Send e-mail.")
privacy = AppGroup("privacy", help="Erase personal data.")
register = AppGroup("register", help="Verify the public register.")
nightly = AppGroup("jobs", help="Follow the nightly jobs.")
seal = AppGroup("seal", help="Show or replace the seal key.")
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@contextmanager
def _report_errors(subject: object) -> Iterator[None]:
    """Turn an error of a file or of the database into one line and exit status 1."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{error.filename or subject}: {error.strerror}.") from error
    except SQLAlchemyError as error:
        raise click.ClickException(f"database: {describe(error)}.") from error


@site.command("check")
@click.pass_context
def check_site(context: click.Context) -> None:
    """Check configuration, files, database and relay. Exit with 1 if there is an error."""
    findings = list(checks.run_checks(now()))
    for finding in findings:
        click.echo(f"{finding.level:<9}{finding.subject}: {finding.words}")
    if any(finding.level == "error" for finding in findings):
        context.exit(1)
    jobs.record_success("check", now())


@site.command("upgrade")
def upgrade_database() -> None:
    """Run the migrations that the database lacks."""
    from flask_migrate import upgrade  # only commands import Alembic: app/ops/schema_version.py

    upgrade()
    with db.engine.connect() as connection:
        click.echo(f"the database is at {schema_version.read_revision(connection)}")


@site.command("db", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run_alembic(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run a command of Flask-Migrate, to write or test a migration."""
    from flask_migrate.cli import db as group

    group.main(list(arguments), prog_name=context.command_path, standalone_mode=False, obj=context.obj)


@site.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def write_backup(file: Path) -> None:
    """Write the whole installation to FILE, while people sign. FILE is as secret as instance/."""
    with _report_errors(file):
        click.echo(f"{file}: {backup.make_backup(file, now())} signatures")
        jobs.record_success("backup", now())


@site.command("restore")
@click.argument("file", type=EXISTING_FILE)
@click.option("--replace", is_flag=True, help="Replace a database that is not empty, and another seal key.")
@click.pass_context
def read_backup(context: click.Context, file: Path, replace: bool) -> None:
    """Restore the installation of FILE, while the server is stopped. Print "restored" last."""
    with _report_errors(file):
        for note in backup.restore_backup(file, now(), replace=replace):
            click.echo(note)
    context.invoke(purge_data)
    context.invoke(check_register)
    click.echo("restored")


@letters.command("deliver")
def deliver_letters() -> None:
    """Send each letter due, once. For a host that runs cron and no worker."""
    sent, due = outbox.deliver_due(), outbox.find_next_due()
    click.echo(f"{sent} sent; " + (f"the next one is due at {due:%H:%M:%S} UTC" if due else "none waits"))


@privacy.command("purge")
@click.option("--dry-run", is_flag=True, help="Print what would be erased, and change nothing.")
def purge_data(dry_run: bool) -> None:
    """Erase what has reached its term, and repeat withdrawals that a restored backup lacks."""
    try:
        done = retention.purge(now(), dry_run=dry_run)
    except OSError as error:
        raise click.ClickException(f"ERASURE_LEDGER, {retention.ledger_file()}: {error.strerror}.") from error
    for erased in done:
        click.echo(f"{erased.what} {len(erased.names)}: {' '.join(erased.names)}")
    if not dry_run:
        jobs.record_success("purge", now())
    click.echo("dry run: nothing was changed" if dry_run else "done")


@register.command("check")
@click.option("--mend", "fix", is_flag=True, help="Write anew what differs.")
@click.pass_context
def check_register(context: click.Context, fix: bool) -> None:
    """Compare the register with the signatures. Exit with 1 if they differ, and are not mended."""
    count = left = _report_differences(fix)
    for _ in range(3 if fix else 0):  # an entry that is fixed changes its tallies
        left = left and _report_differences(fix)
    click.echo(f"{count} difference{'' if count == 1 else 's'}{', mended' if count and fix else ''}")
    if left:
        context.exit(1)
    jobs.record_success("register", now())


def _report_differences(fix: bool) -> int:
    """Print each difference between register and signatures, and fix it if told. Return their number."""
    count = 0
    for difference in audit.find_differences():
        count += 1
        click.echo(f"{difference.what} {difference.of}: {difference.found}, not {difference.expected}")
        if fix:
            difference.fix(db.session.connection())
            db.session.commit()
    return count


@nightly.command("failed")
@click.argument("name", type=click.Choice(sorted(jobs.TERMS)))
def report_failure(name: str) -> None:
    """Tell the organisers by a letter that the nightly job NAME failed."""
    jobs.record_failure(name, now())


@seal.command("show")
def show_key() -> None:
    """Show the owner and the validity of the seal key."""
    file = key.key_path()
    _print_key(key.read_key(file, current_app.config["SEAL_PASSPHRASE"]))
    click.echo(f"file:         {file}")


@seal.command("create")
@click.confirmation_option(prompt="Seal with a new key from the next start on?")
def create_key() -> None:
    """Replace the seal key by a new one. The old file is kept."""
    _install_key(key.generate_site_key())


@seal.command("import")
@click.argument("file", type=EXISTING_FILE)
@click.option("--passphrase", prompt="Passphrase of the file (may be empty)", hide_input=True, default="")
def import_key(file: Path, passphrase: str) -> None:
    """Replace the seal key by the PKCS#12 FILE of an authority. The old file is kept."""
    try:
        new = key.parse_key(file.read_bytes(), passphrase)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be used: {error}.") from error
    _install_key(new)


def _install_key(new: key.SealKey) -> None:
    """Seal a test document with a key, then replace the seal key by it. Raises: ClickException."""
    from app.certificates.pdf import draw_charter
    from app.certificates.seal import seal_pdf

    file, passphrase = key.key_path(), current_app.config["SEAL_PASSPHRASE"]
    site = f"https://{current_app.config['SERVER_NAME']}/"
    try:
        seal_pdf(draw_charter(charter, site), new, number=generate_number())
    except SealError as error:
        raise click.ClickException(f"This key does not seal: {error}. Nothing was changed.") from error
    try:
        old = key.read_key(file, passphrase)
    except key.KeyUnusable:
        old = None
    with _report_errors(file):
        kept = key.replace_key(file, new.to_pkcs12(passphrase), old, now())
    _print_key(key.read_key(file, passphrase))
    if kept:
        click.echo(f"The old key is kept in {kept}.")
    if kept and not old:
        click.echo("It cannot be read. To verify its seals, append its certificate in PEM, which the site")
        click.echo(f"published, to {key.former_path(file)}.")
    click.echo("Restart the site: until then it seals with the old key.")


def _print_key(shown: key.SealKey) -> None:
    click.echo(f"subject:      {shown.certificate.subject.rfc4514_string()}")
    click.echo(f"issuer:       {shown.certificate.issuer.rfc4514_string()}")
    click.echo(f"valid:        {shown.not_before:%Y-%m-%d} to {shown.not_after:%Y-%m-%d}")
    click.echo(f"days left:    {shown.days_left(now())}")
    click.echo(f"SHA-256:      {shown.fingerprint}")
    click.echo(f"certificates: {len(shown.former)} former, {len(shown.chain)} of the authority")


def _load_migrate(app: Flask) -> Any:
    """Return the extension of Flask-Migrate, initialised for the first command that reads it."""
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(schema_version.MIGRATIONS))
    return app.extensions["migrate"]


def init_app(app: Flask) -> None:
    """Add the commands to ``flask``."""
    app.extensions["migrate"] = LocalProxy(lambda: _load_migrate(app))
    groups = (letters, privacy, register, nightly, seal, moderation.signatures)
    for command in (*site.commands.values(), *groups):
        app.cli.add_command(command)
