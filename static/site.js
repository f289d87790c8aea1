// Show that a tick was not saved, or that a search failed. Everything else is htmx attributes, or plain HTML.
"use strict";

function showFailure(event) {
  const status = document.querySelector("[data-failure]");
  const stale = event.detail.ctx.response?.status === 400; // the form outlived its session
  const words = document.createElement("span");
  words.className = "failure";
  words.textContent = (stale && status.dataset.stale) || status.dataset.failure;
  status.querySelector(".saved, .failure")?.remove();
  status.append(words);
}

document.addEventListener("htmx:response:error", showFailure); // the server answered with an error
document.addEventListener("htmx:error", showFailure); // no answer came
