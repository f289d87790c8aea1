"""FastAPI: Starlette's session cookie, Jinja, and a CSRF token signed by itsdangerous (FastAPI has none)."""

import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.middleware.sessions import SessionMiddleware

from bench.peers import SECRET, TEMPLATES, read_charter, set_number

CHARTER = read_charter()
TOKENS = URLSafeTimedSerializer(SECRET, salt="csrf")
app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=SECRET)
templates = Jinja2Templates(TEMPLATES)


def check_csrf(request: Request, csrf_token: Annotated[str, Form()]) -> None:
    """Refuse a form whose token is not that of the session."""
    try:
        expected = TOKENS.loads(csrf_token, max_age=3600)
    except BadSignature as error:
        raise HTTPException(400) from error
    if not secrets.compare_digest(expected, request.session.get("csrf", "")):
        raise HTTPException(400)


def render_draft(request: Request, template: str, **values: object) -> Response:
    """Render a template with the numbers of the session."""
    taken = request.session.get("taken", [])
    context = {**CHARTER, "taken": taken, "count": len(taken), **values}
    return templates.TemplateResponse(request, template, context)


@app.get("/", response_class=HTMLResponse)
async def index(request: Request) -> Response:
    """Show the charter."""
    token = TOKENS.dumps(request.session.setdefault("csrf", secrets.token_hex(20)))
    return render_draft(request, "charter.html", token_name="csrf_token", token=token)  # noqa: S106


@app.post("/engagements/{number}", response_class=HTMLResponse, dependencies=[Depends(check_csrf)])
async def tick(
    request: Request,
    number: Annotated[int, Path(ge=1, le=len(CHARTER["commitments"]))],
    taken: Annotated[str, Form()],
) -> Response:
    """Set one number."""
    request.session["taken"] = set_number(request.session.get("taken", []), number, taken)
    if request.headers.get("HX-Request") != "true":
        return RedirectResponse(f"/#engagement-{number}", 303)
    return render_draft(request, "answer.html", commitment=CHARTER["commitments"][number - 1])
