"""Django: signed session cookie, CSRF middleware, templates; the middleware of `startproject`, no users."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from bench.peers import SECRET, TEMPLATES, read_charter, set_number

settings.configure(
    SECRET_KEY=SECRET,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": TEMPLATES}],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)
CHARTER = read_charter()


def render_draft(request: HttpRequest, template: str, **values: object) -> HttpResponse:
    """Render a template with the numbers of the session."""
    taken = request.session.get("taken", [])
    context = {**CHARTER, "taken": taken, "count": len(taken), **values}
    return render(request, template, context)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the charter."""
    token = {"token_name": "csrfmiddlewaretoken", "token": get_token(request)}
    return render_draft(request, "charter.html", **token)


@require_POST
def tick(request: HttpRequest, number: int) -> HttpResponse:
    """Set one number."""
    if not 1 <= number <= len(CHARTER["commitments"]):
        raise Http404
    numbers = request.session.get("taken", [])
    request.session["taken"] = set_number(numbers, number, request.POST["taken"])
    if request.headers.get("HX-Request") != "true":
        return HttpResponseRedirect(f"/#engagement-{number}")
    return render_draft(request, "answer.html", commitment=CHARTER["commitments"][number - 1])


urlpatterns = [path("", index), path("engagements/<int:number>", tick)]
app = get_wsgi_application()
