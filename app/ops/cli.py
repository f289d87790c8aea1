"""Commands for cron and for the person who runs the site."""

from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from werkzeug.local import LocalProxy

from app.certificates.exceptions import SealError
from app.certificates.key import (
    KeyUnusable,
    SealKey,
    former_path,
    generate_site_key,
    key_path,
    parse_key,
    read_key,
    replace_key,
)
from app.certificates.numbers import generate_number
from app.clock import now
from app.extensions import charter, db
from app.mail import outbox
from app.ops import backup, checks, schema_version, transfer
from app.ops.schema_version import MIGRATIONS
from app.register import audit
from app.signatures import retention

data = AppGroup("data", help="The database as a whole.")
letters = AppGroup("letters", help="The outbox.")
privacy = AppGroup("privacy", help="Personal data.")
register = AppGroup("register", help="The public list of signatures.")
seal = AppGroup("seal", help="The key that seals the certificates.")


@register.command("check")
@click.option("--mend", is_flag=True, help="Write anew what differs.")
@click.pass_context
def check_register(context: click.Context, mend: bool) -> None:
    """Recount the whole register, and say what differs; exit status 1 where something does."""
    count = 0
    for difference in audit.find_differences():
        count += 1
        click.echo(f"{difference.what} {difference.of}: {difference.found}, not {difference.expected}")
        if mend:
            difference.fix(db.session())
            db.session.commit()
    click.echo(
        f"{count} {'difference' if count == 1 else 'differences'}{', mended' if count and mend else ''}"
    )
    if count and not mend:
        context.exit(1)


@letters.command()
def deliver() -> None:
    """Send every letter that is due, once: for a host that runs cron and no daemon."""
    sent = outbox.deliver_due()
    due = outbox.find_next_due()
    click.echo(f"{sent} sent; " + (f"the next one is due at {due:%H:%M:%S} UTC" if due else "none waits"))


@seal.command()
def show() -> None:
    """Tell whose key it is, and until when it is good."""
    file = key_path()
    _describe(read_key(file, current_app.config["SEAL_PASSPHRASE"]))
    click.echo(f"file:         {file}")


@seal.command()
@click.confirmation_option(prompt="Seal with a new key from the next start on?")
def create() -> None:
    """Make a new key, in the place of the present one, which is kept."""
    _install(generate_site_key())


@seal.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--passphrase",
    prompt="Passphrase of the file (none: press Enter)",
    hide_input=True,
    default="",
    show_default=False,
    show_envvar=True,
)
def import_(file: Path, passphrase: str) -> None:
    """Seal with the PKCS#12 FILE that an authority delivered; the present key is kept."""
    try:
        key = parse_key(file.read_bytes(), passphrase)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be used: {error}.") from error
    _install(key)


def _install(key: SealKey) -> None:
    """Try a key for good, then put it in the place of the present one. Raises: ClickException."""
    from app.certificates.pdf import draw_charter
    from app.certificates.seal import seal_pdf

    try:
        site = f"https://{current_app.config['SERVER_NAME']}/"
        seal_pdf(draw_charter(charter, site), key, number=generate_number())
    except SealError as error:
        raise click.ClickException(f"This key does not seal: {error}. Nothing was changed.") from error
    file, passphrase = key_path(), current_app.config["SEAL_PASSPHRASE"]
    try:
        old = read_key(file, passphrase)
    except KeyUnusable:
        old = None
    try:
        kept = replace_key(file, key.pkcs12(passphrase), old, now())
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from error
    _describe(read_key(file, passphrase))
    if kept:
        click.echo(f"The key before is kept in {kept}.")
    if kept and not old:
        click.echo(
            "It cannot be read. For its seals to be known still, append its certificate in PEM, which the "
            f"site published, to {former_path(file)}."
        )
    click.echo("Restart the site: until then it seals as before.")


def _describe(key: SealKey) -> None:
    click.echo(f"subject:      {key.certificate.subject.rfc4514_string()}")
    click.echo(f"issuer:       {key.certificate.issuer.rfc4514_string()}")
    click.echo(f"valid:        {key.not_before:%Y-%m-%d} to {key.not_after:%Y-%m-%d}")
    click.echo(f"days left:    {key.days_left(now())}")
    click.echo(f"SHA-256:      {key.fingerprint}")
    click.echo(f"certificates: {len(key.former)} former, {len(key.chain)} of the authority")


@privacy.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
def purge(dry_run: bool) -> None:
    """Erase what has reached its term, and again what a restored backup brought back."""
    try:
        done = retention.purge(now(), dry_run=dry_run)
    except OSError as error:
        raise click.ClickException(f"ERASURE_LEDGER, {retention.ledger_file()}: {error.strerror}") from error
    for erased in done:
        click.echo(f"{erased.what} {len(erased.names)}: {' '.join(erased.names)}")
    click.echo("dry run: nothing was changed" if dry_run else "done")


@click.command()
@with_appcontext
def upgrade() -> None:
    """Bring the database to what this program wants; where it is already, nothing is done."""
    from flask_migrate import upgrade as migrate_up  # not for whoever serves: app/ops/schema_version.py

    migrate_up()
    with db.engine.connect() as connection:
        click.echo(f"the database is at {schema_version.present(connection)}")


@click.command("db", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def alembic(context: click.Context, arguments: tuple[str, ...]) -> None:
    """The commands of Alembic, for whoever changes the tables."""  # noqa: D401  # what `flask` lists
    from flask_migrate.cli import db as commands  # idem

    commands.main(list(arguments), prog_name=context.command_path, standalone_mode=False, obj=context.obj)


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def back_up(file: Path) -> None:
    """Put the whole installation into FILE, while people sign. It is as secret as instance/."""
    try:
        counts = backup.make(file, now())
    except transfer.TransferError as error:
        raise click.ClickException(f"{error}.") from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}.") from error
    click.echo(f"{file}: {counts['signature']} signatures, {sum(counts.values())} rows")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Put it in the place of what is here.")
@click.pass_context
@with_appcontext
def restore(context: click.Context, file: Path, replace: bool) -> None:
    """Put back the installation that FILE holds; the server is stopped. Its last word is "restored"."""
    try:
        done = backup.restore(file, now(), replace=replace)
    except transfer.TransferError as error:
        raise click.ClickException(f"{error}.") from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}.") from error
    click.echo(f"{done.counts['signature']} signatures, as of {done.made_at}")
    for erased in done.erased:
        click.echo(f"{erased.what} {len(erased.names)}")
    for note in done.notes:
        click.echo(note)
    if done.differences:
        click.echo(f"{done.differences} differences: run `register check --mend`")
        context.exit(1)
    click.echo("restored")


@data.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> None:
    """Copy the database at the URL FROM, as it is at one moment, into the empty one at TO."""
    try:
        counts = transfer.copy(source, target)
    except transfer.TransferError as error:
        raise click.ClickException(f"{error}.") from error
    for table, count in counts.items():
        click.echo(f"{table:<12}{count}")
    click.echo("copied")


@click.command()
@click.pass_context
@with_appcontext
def check(context: click.Context) -> None:
    """Say whether the site is fit to be open; exit status 1 where something must be mended."""
    found = list(checks.look(now()))
    for finding in found:
        click.echo(f"{finding.level.value:<9}{finding.subject}: {finding.words}")
    if any(finding.level is checks.Level.ERROR for finding in found):
        context.exit(1)


def _migrate(app: Flask) -> Any:
    """Bind Flask-Migrate, which takes the place of its proxy, for the first command that looks for it."""
    from flask_migrate import Migrate  # not for whoever serves: app/ops/schema_version.py

    Migrate(app, db, directory=str(MIGRATIONS))
    return app.extensions["migrate"]


def init_app(app: Flask) -> None:
    """Add the commands to ``flask``."""
    app.extensions["migrate"] = LocalProxy(lambda: _migrate(app))
    app.cli.add_command(alembic)
    app.cli.add_command(upgrade)
    app.cli.add_command(check)
    app.cli.add_command(back_up)
    app.cli.add_command(restore)
    app.cli.add_command(data)
    app.cli.add_command(letters)
    app.cli.add_command(seal)
    app.cli.add_command(privacy)
    app.cli.add_command(register)
