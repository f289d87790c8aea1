// Says when a tick was not saved. Everything else is htmx's attributes, or plain HTML.
"use strict";

function sayNotSaved(event) {
  const progress = document.getElementById("progression");
  const stale = event.detail.ctx.response?.status === 400; // the form outlived its session
  const words = document.createElement("span");
  words.className = "echec";
  words.textContent = stale ? progress.dataset.perime : progress.dataset.echec;
  progress.querySelector(".enregistre, .echec")?.remove();
  progress.append(words);
}

document.addEventListener("htmx:response:error", sayNotSaved); // the server answered no
document.addEventListener("htmx:error", sayNotSaved); // it did not answer
