// Every page works without this. It adds: the reader's own time zone, "/" to search, results as they are typed, and that a
// form is sent once. It writes no markup of its own: parts of pages come from the hub, escaped there.
"use strict";

const zoned = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit"});
const dated = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", year: "numeric", timeZone: "UTC"});

function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) continue;
    const day = "day" in time.dataset;
    time.textContent = (day ? dated : zoned).format(at);
    if (!day) time.title = time.dateTime;
  }
}

// The part of a page with this id, as the hub answers it; null where it answers otherwise.
async function partOf(address, id, signal) {
  const answer = await fetch(address, {signal, headers: {accept: "text/html"}});
  if (!answer.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return {part: page.getElementById(id), title: page.title};
}

function asTyped(field) {
  const results = document.getElementById("results");
  if (!results) return;
  let waiting, asked;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      asked?.abort();
      asked = new AbortController();
      const address = "/customers?q=" + encodeURIComponent(field.value.trim());
      try {
        const found = await partOf(address, "results", asked.signal);
        if (!found?.part) return;
        document.getElementById("results").replaceWith(document.adoptNode(found.part));
        localTimes(document.getElementById("results"));
        document.title = found.title;
        history.replaceState(null, "", address);
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    }, 150);
  });
}

function sentOnce(form) {
  form.addEventListener("submit", event => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
  });
}

addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(form => delete form.dataset.sent));

const typing = element => element.isContentEditable || /^(input|select|textarea)$/i.test(element.tagName);

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const find = document.getElementById("find");
  if (event.key === "/" && find && !typing(event.target)) { event.preventDefault(); find.focus(); find.select(); }
  if (event.key === "Escape") document.querySelectorAll("details.me[open]").forEach(menu => { menu.open = false; });
});

localTimes(document);
const find = document.getElementById("find");
if (find) asTyped(find);
document.querySelectorAll("form[method=post]").forEach(sentOnce);
const token = document.querySelector("input[data-token]");
if (token && !token.value && location.hash) token.value = decodeURIComponent(location.hash.slice(1));
