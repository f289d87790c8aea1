"""The commands `flask signature`: find, hide, restore and withdraw signatures. Each act is a `Deed`."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup
from sqlalchemy import or_, select

from app.clock import now
from app.extensions import communes, db
from app.mail.quota import detach_sent_letters
from app.models import Deed, Signature, Status
from app.signatures import retention, rules
from app.text import clean_line, fold

signatures = AppGroup("signature", help="Find signatures, hide them from the register, or withdraw them.")
#: Signatures that one list shows.
MOST = 50
#: Characters.
LONGEST_REASON = 500


def _check_reason(_context: click.Context, _option: click.Parameter, reason: str) -> str:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise click.BadParameter(f"write between 1 and {LONGEST_REASON} characters.")
    return clean_line(reason)


reason_option = click.option(
    "--reason", required=True, callback=_check_reason, help="Why, in French: its owner reads it."
)


@signatures.command("list")
@click.argument("text", default="")
def list_signatures(text: str) -> None:
    """List the newest signatures whose name, e-mail address or code has TEXT."""
    found = select(Signature).where(
        Signature.status.in_((Status.CONFIRMED, Status.PENDING)),
        or_(
            Signature.name_key.contains(fold(text), autoescape=True),
            Signature.email == text.lower(),
            Signature.code == text,
        ),
    )
    for signature in db.session.scalars(found.order_by(Signature.id.desc()).limit(MOST)):
        commune = communes.get_or_placeholder(str(signature.commune)).name
        click.echo(f"{signature.code}  {_state_of(signature):<9}  {signature.full_name}, {commune}")


@signatures.command("show")
@click.argument("code")
def show_signature(code: str) -> None:
    """Show the signature of CODE, its journal, and what organisers did about it."""
    signature = _load(code)
    commitments = ", ".join(map(str, sorted(signature.pledges))) or "none"
    click.echo(f"name:        {signature.full_name if signature.name_key else 'erased'}")
    click.echo(f"state:       {_state_of(signature)}")
    click.echo(f"commune:     {communes.get_or_placeholder(str(signature.commune)).name}")
    click.echo(f"e-mail:      {signature.email or 'erased'}")
    click.echo(f"commitments: {commitments}")
    for event in signature.events:
        click.echo(f"{event.at:%Y-%m-%d %H:%M} UTC  {event.what} {event.number or ''}".rstrip())
    for deed in db.session.scalars(select(Deed).where(Deed.code == code).order_by(Deed.id)):
        click.echo(f"{deed.at:%Y-%m-%d %H:%M} UTC  {deed.what} by {deed.who}: {deed.words or '(erased)'}")


@signatures.command("hide")
@click.argument("code")
@reason_option
def hide_signature(code: str, reason: str) -> None:
    """Take the signature of CODE out of the register at once. A letter tells its owner the reason."""
    with _record_deed("hide", code, reason) as signature:
        rules.hide(signature, reason, now())
    click.echo("hidden")


@signatures.command("restore")
@click.argument("code")
@reason_option
def restore_signature(code: str, reason: str) -> None:
    """Put the hidden signature of CODE back into the register."""
    with _record_deed("restore", code, reason) as signature:
        rules.restore(signature, now())
    click.echo("restored")


@signatures.command("withdraw")
@click.argument("code")
@reason_option
@click.confirmation_option(prompt="Erase the name and the commitments of this signature for good?")
def withdraw_signature(code: str, reason: str) -> None:
    """Withdraw the confirmed signature of CODE for good, as its owner could. A letter tells its owner."""
    with _record_deed("withdraw", code, reason) as signature:
        if not signature.is_confirmed:
            raise rules.SigningError("only a signature that is confirmed")
        detach_sent_letters(signature)
        erased = rules.withdraw(signature, now())
        db.session.commit()
        retention.remember(erased, now())  # it erases the words of the deeds before this one
    click.echo("withdrawn")


@contextmanager
def _record_deed(what: str, code: str, words: str) -> Iterator[Signature]:
    """Load a signature for one act, then add the deed of the user who runs the command, and commit.

    Raises: ClickException, if there is no such signature or a rule forbids the act.
    """
    signature = _load(code)
    try:
        yield signature
    except rules.SigningError as error:
        raise click.ClickException(f"{code}: {error}.") from error
    db.session.add(Deed(at=now(), who=getpass.getuser(), what=what, code=code, words=words))
    db.session.commit()


def _load(code: str) -> Signature:
    """Return the signature of a code, its row locked. Raises: ClickException."""
    signature = db.session.scalar(select(Signature).where(Signature.code == code).with_for_update())
    if signature is None:
        raise click.ClickException(
            f"there is no signature {code}: `flask --app app signature list` finds it."
        )
    return signature


def _state_of(signature: Signature) -> str:
    return "hidden" if signature.hidden_at else signature.status.value
