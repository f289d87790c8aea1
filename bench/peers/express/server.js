// Express in a cluster of two processes: cookie-session, csrf-csrf, Nunjucks.

import cluster from "node:cluster";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import cookieParser from "cookie-parser";
import cookieSession from "cookie-session";
import { doubleCsrf } from "csrf-csrf";
import express from "express";
import nunjucks from "nunjucks";

const SECRET = "a-secret-for-a-bench-that-is-long-enough";
const TEMPLATES = ["../templates", "../../../templates"].map((path) => fileURLToPath(new URL(path, import.meta.url)));

function createApp() {
  const content = JSON.parse(readFileSync(process.env.BENCH_CHARTER, "utf8"));
  const { generateCsrfToken, doubleCsrfProtection } = doubleCsrf({
    getSecret: () => SECRET,
    getSessionIdentifier: (request) => request.session.id,
    getCsrfTokenFromRequest: (request) => request.body.csrf_token,
    cookieName: "csrf",
    cookieOptions: { secure: false },
  });
  const app = express();
  nunjucks.configure(TEMPLATES, { autoescape: true, express: app });
  app.use(cookieParser());
  app.use(cookieSession({ name: "session", keys: [SECRET] }));
  app.use(express.urlencoded());

  function renderDraft(request, response, template, values) {
    const taken = request.session.taken ?? [];
    response.render(template, { ...content, taken, count: taken.length, ...values });
  }

  app.get("/", (request, response) => {
    request.session.id ??= randomBytes(20).toString("hex");
    const token = generateCsrfToken(request, response);
    renderDraft(request, response, "charter.html", { token_name: "csrf_token", token });
  });

  app.post("/engagements/:number", doubleCsrfProtection, (request, response) => {
    const commitment = content.commitments[Number(request.params.number) - 1];
    if (!commitment) return response.sendStatus(404);
    const { number } = commitment;
    const others = (request.session.taken ?? []).filter((other) => other !== number);
    const numbers = request.body.taken === "yes" ? [...others, number] : others;
    request.session.taken = numbers.sort((a, b) => a - b);
    if (request.get("HX-Request") !== "true") return response.redirect(303, `/#engagement-${number}`);
    renderDraft(request, response, "answer.html", { commitment });
  });

  return app;
}

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  createApp().listen(Number(process.argv[2]), "127.0.0.1");
}
