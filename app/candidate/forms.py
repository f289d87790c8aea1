"""The candidate's forms. Filters normalise the typed text before validators check it."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, RadioField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import AnyOf, InputRequired, ValidationError

from app.candidate.name_rules import find_fault, find_list_fault, is_office, plain_name
from app.certificates.glyphs import missing_characters
from app.content.communes import MAX_CHOICES, Commune
from app.extensions import charter, communes
from app.mail.addresses import AddressError, normalise_address, suggest_address
from app.models import ConsentPurpose, Role, Signature
from app.signatures.rules import Signatory
from app.text import clean_line, without_quotes


def form_status(form: FlaskForm) -> int:
    """Return the status of a page that shows a form: 422 with errors, else 200."""
    return 422 if form.errors else 200


def _clean(value: str | None) -> str:
    return clean_line(value or "")


def _clean_name(value: str | None) -> str:
    return plain_name(_clean(value))


class Printable:
    """A line that the certificate can print: not too long, in letters that its fonts have."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.field_flags = {"maxlength": most}

    def __call__(self, form: FlaskForm, field: Field) -> None:
        """Refuse what does not fit or cannot be printed. Raises: ValidationError."""
        if len(field.data) > self.most:
            raise ValidationError(f"Ce texte est trop long : {self.most} caractères au plus.")
        missing = missing_characters(field.data)
        if missing:
            raise ValidationError(
                f"Le certificat ne peut pas imprimer « {missing[0]} ». Écrivez en lettres latines, "
                "grecques ou cyrilliques."
            )


def _must_be_a_name(form: FlaskForm, field: Field) -> None:
    """Refuse what is not a name: letters repeat it, to addresses that a stranger may have typed."""
    if fault := find_fault(field.data):
        raise ValidationError(fault)


class FrenchForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A form whose ready-made messages are in French."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # idem
        locales = ("fr_FR", "fr")


class OpenForm(FrenchForm):
    """A public form, with a hidden field that only bots fill in."""

    remarque = StringField()

    @property
    def is_trapped(self) -> bool:
        """Whether a program filled it in."""
        return bool(self.remarque.data)


def _email_field() -> StringField:
    return StringField(
        "Adresse électronique",
        filters=[_clean],
        validators=[InputRequired("Indiquez votre adresse électronique.")],
        render_kw={"type": "email", "autocomplete": "email", "inputmode": "email", "maxlength": 254},
    )


class EmailForm(FrenchForm):
    """One address, exactly."""

    email = _email_field()
    email_choice = HiddenField()  # one of the radio buttons offered for a doubtful address
    email_asked = HiddenField()  # the address that the page was in doubt about

    #: What the typed address may mean, when the person should choose.
    email_choices: tuple[str, ...] = ()

    def validate_email(self, field: Field) -> None:
        """Keep the address in the one form under which it is stored; ask once where it looks like a slip."""
        try:
            field.data = normalise_address(field.data)
        except AddressError as error:
            raise ValidationError(
                "Cette adresse n’est pas complète ou contient une faute. Exemple : prenom.nom@exemple.fr"
            ) from error
        meant = suggest_address(field.data)
        if meant is None or field.data == field.object_data:  # which was kept before
            return
        if self.email_choice.data == meant:
            field.data = meant
        elif self.email_asked.data != field.data:
            self.email_choices = (meant, field.data)
            domain, other = (address.rpartition("@")[2] for address in (field.data, meant))
            raise ValidationError(
                f"Est-ce bien « {domain} », et non « {other} » ? Choisissez, ou envoyez de nouveau pour "
                "garder votre adresse."
            )

    @property
    def address(self) -> str:
        """The valid address; read it once the form is valid."""
        return str(self.email.data)


class IdentityForm(EmailForm):
    """Who signs, and where."""

    given_name = StringField(
        "Prénom",
        filters=[_clean_name],
        validators=[InputRequired("Indiquez votre prénom."), Printable(60), _must_be_a_name],
        render_kw={"autocomplete": "given-name"},
    )
    family_name = StringField(
        "Nom",
        filters=[_clean_name],
        validators=[InputRequired("Indiquez votre nom."), Printable(60), _must_be_a_name],
        render_kw={"autocomplete": "family-name"},
    )
    role = RadioField(
        "Vous êtes",
        choices=[SelectChoice(role.value, role.label) for role in Role],
        validators=[InputRequired("Choisissez votre rôle.")],
        validate_choice=False,
    )
    commune = StringField(
        "Commune",
        filters=[_clean],
        validators=[InputRequired("Indiquez votre commune.")],
        render_kw={"autocomplete": "off", "list": "communes", "maxlength": 80},
    )
    commune_choice = HiddenField()  # one of the radio buttons offered for an ambiguous name
    list_name = StringField(
        "Nom de la liste",
        filters=[_clean, without_quotes],
        validators=[Printable(80)],
        render_kw={"autocomplete": "off"},
    )
    email = _email_field()  # again, so that it comes last on the page and among the errors

    #: What the typed commune may mean, when the person must choose.
    commune_choices: list[Commune]

    def __init__(self, signature: Signature | None = None, **kwargs: Any) -> None:
        known = {}
        if signature is not None and signature.email:
            known = {
                "given_name": signature.given_name,
                "family_name": signature.family_name,
                "role": signature.role.value if signature.role else None,
                "commune": communes.get_or_placeholder(str(signature.commune)).name,
                "list_name": signature.list_name,
                "email": signature.new_email or signature.email,
            }
        super().__init__(data=known, **kwargs)
        self.commune_choices = []
        self._commune: Commune | None = None

    def validate_family_name(self, field: Field) -> None:
        """Refuse an office in the place of a person."""
        if is_office(self.given_name.data or "", field.data):
            raise ValidationError("Écrivez votre prénom et votre nom, sans titre ni fonction.")

    def validate_role(self, field: Field) -> None:
        """Refuse a role that the page does not offer."""
        if field.data not in {role.value for role in Role}:
            raise ValidationError("Choisissez votre rôle.")

    def validate_list_name(self, field: Field) -> None:
        """Ask candidates for their list; an elected member may have none."""
        if not field.data and self.role.data != Role.ELECTED.value:
            raise ValidationError("Indiquez le nom de votre liste.")
        if fault := find_list_fault(field.data):
            raise ValidationError(fault)

    def validate_commune(self, field: Field) -> None:
        """Find the commune, or offer those that it may be."""
        found = communes.search(field.data)
        if len(found) == 1:
            self._commune = found[0]
            return
        offered = found if len(found) <= MAX_CHOICES else []
        offered = offered or ([] if found else communes.suggest(field.data))
        self._commune = next((c for c in offered if c.insee == self.commune_choice.data), None)
        if self._commune is not None:
            return
        self.commune_choices = offered
        if len(found) > MAX_CHOICES:
            raise ValidationError("Trop de communes correspondent : écrivez le nom en entier.")
        if found:
            raise ValidationError("Plusieurs communes correspondent : choisissez la vôtre.")
        if offered:
            raise ValidationError("Cette commune est inconnue ici. Est-ce l’une de celles-ci ?")
        raise ValidationError(
            f"Cette commune est inconnue ici ({charter.territory.name}). Essayez son nom complet ou son "
            "code postal."
        )

    def signatory(self) -> Signatory:
        """Return the person; call it once the form is valid."""
        assert self._commune is not None
        return Signatory(
            given_name=str(self.given_name.data),
            family_name=str(self.family_name.data),
            role=Role(self.role.data),
            commune=self._commune.insee,
            list_name=self.list_name.data or None,
            email=self.address,
        )


def consent_wording(purpose: ConsentPurpose) -> str:
    """Return what is agreed to, word for word: it is kept with the consent."""
    return {
        ConsentPurpose.PUBLICATION: (
            "J’accepte que mon nom, mon rôle, ma commune, ma liste et les engagements que je prends soient "
            "publiés sur ce site. Je sais que cette publication peut révéler mes opinions politiques, et que "
            "je peux la faire retirer à tout moment."
        ),
        ConsentPurpose.CONTACT: (
            f"J’accepte que {charter.contact_by} m’écrive au sujet de ces engagements (facultatif)."
        ),
    }[purpose]


class FindForm(EmailForm, OpenForm):
    """Whose way back is asked for."""


class SignForm(IdentityForm, OpenForm):
    """Who signs, and the two consents, which are never ticked beforehand."""

    ticked = HiddenField()  # whether the page showed ticked commitments: a lost cookie is said, not blamed

    publication = BooleanField(
        validators=[InputRequired("Sans cet accord, votre signature ne peut pas être publiée.")]
    )
    contact = BooleanField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.publication.label.text = consent_wording(ConsentPurpose.PUBLICATION)
        self.contact.label.text = consent_wording(ConsentPurpose.CONTACT)

    def consents(self) -> dict[ConsentPurpose, str]:
        """Return what was agreed to, with the words that were read."""
        boxes = {ConsentPurpose.PUBLICATION: self.publication, ConsentPurpose.CONTACT: self.contact}
        return {purpose: consent_wording(purpose) for purpose, box in boxes.items() if box.data}


class CorrectForm(IdentityForm):
    """Correct who signs, and whether they may be written to: the other consent is the confirmation itself."""

    contact = BooleanField()

    def __init__(self, signature: Signature, **kwargs: Any) -> None:
        given = any(consent.purpose is ConsentPurpose.CONTACT for consent in signature.consents)
        super().__init__(signature, contact=given, **kwargs)
        self.contact.label.text = consent_wording(ConsentPurpose.CONTACT)

    def consents(self) -> dict[ConsentPurpose, str]:
        """Return what is agreed to from now on, with the words that were read."""
        purposes = [ConsentPurpose.PUBLICATION, *([ConsentPurpose.CONTACT] if self.contact.data else [])]
        return {purpose: consent_wording(purpose) for purpose in purposes}


class AmendForm(IdentityForm):
    """Correct a confirmed signature, as it was when the page was opened."""

    shown = HiddenField()


class SwitchForm(FrenchForm):
    """A switch of « Ma signature »: it sends the wanted state."""

    agreed = HiddenField(validators=[AnyOf(["yes", "no"])])

    @property
    def is_agreed(self) -> bool:
        """Whether one agrees from now on."""
        return bool(self.agreed.data == "yes")


class RefuseForm(FrenchForm):
    """One box before a refusal: a mail scanner that presses the only button of a page refuses nothing."""

    agreed = BooleanField(validators=[InputRequired("Cochez la case pour refuser.")])


class ConfirmForm(FrenchForm):
    """The last word: one box, and what the page showed."""

    agreed = BooleanField(validators=[InputRequired("Cochez la case pour signer.")])
    shown = HiddenField()
