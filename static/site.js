// Says when a tick was not saved, or a search not made. Everything else is htmx's attributes, or plain HTML.
"use strict";

function sayFailed(event) {
  const progress = document.querySelector("[data-echec]");
  const stale = event.detail.ctx.response?.status === 400; // the form outlived its session
  const words = document.createElement("span");
  words.className = "echec";
  words.textContent = (stale && progress.dataset.perime) || progress.dataset.echec;
  progress.querySelector(".enregistre, .echec")?.remove();
  progress.append(words);
}

document.addEventListener("htmx:response:error", sayFailed); // the server answered no
document.addEventListener("htmx:error", sayFailed); // it did not answer
