"""The pages, their addresses, and what gunicorn serves."""

import os
import secrets

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.ticks.djangosite.settings")

from django.core.management import call_command  # noqa: E402  # Django wants its settings named first
from django.core.wsgi import get_wsgi_application  # noqa: E402

app = get_wsgi_application()

from django.db import transaction  # noqa: E402  # models want Django to be set up
from django.http import Http404, HttpRequest, HttpResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.http import require_GET, require_POST  # noqa: E402

from bench.peers.ticks import CHARTER, COMMITMENTS  # noqa: E402
from bench.peers.ticks.djangosite.models import Pledge, Signature  # noqa: E402


def shown(request: HttpRequest, template: str, taken: set[int], **values: object) -> HttpResponse:
    """Render a template for a draft."""
    context = {
        "charter": CHARTER,
        "commitments": COMMITMENTS,
        "code": request.session["code"],
        "taken": taken,
        "count": len(taken),
        "token": get_token(request),
        "token_name": "csrfmiddlewaretoken",
        **values,
    }
    return render(request, template, context)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the charter."""
    if "code" not in request.session:
        request.session["code"] = secrets.token_hex(10)
    numbers = Pledge.objects.filter(signature__code=request.session["code"]).values_list("number", flat=True)
    return shown(request, "candidate.html", set(numbers))


@require_POST
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """Keep one answer."""
    if "code" not in request.session or not 1 <= number <= len(COMMITMENTS):
        raise Http404
    with transaction.atomic():
        signature = Signature.objects.filter(code=request.session["code"]).first()
        if signature is None:
            signature = Signature.objects.create(code=request.session["code"])
        if request.POST["taken"] == "yes":
            Pledge.objects.bulk_create([Pledge(signature=signature, number=number)], ignore_conflicts=True)
        else:
            signature.pledges.filter(number=number).delete()
        numbers = set(signature.pledges.values_list("number", flat=True))
    return shown(request, "_answered.html", numbers, commitment=COMMITMENTS[number - 1])


urlpatterns = [path("", index), path("engagements/<int:number>", answer)]


def prepare() -> None:
    """Make the tables."""
    call_command("migrate", run_syncdb=True, verbosity=0)


if __name__ == "__main__":
    prepare()
