// Every page works without this. It adds: the reader's own time zone, "/" to search, results as they are typed, and that a
// form is sent once. It writes no markup of its own: parts of pages come from the hub, escaped there.
"use strict";

const tongue = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const zoned = new Intl.DateTimeFormat(tongue, {day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit"});
const dated = new Intl.DateTimeFormat(tongue, {day: "numeric", month: "short", year: "numeric", timeZone: "UTC"});

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
  if (!typing(event.target) && event.key.length === 1) {
    const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (wanted) { event.preventDefault(); wanted.click(); }
  }
  if (event.key === "Escape") document.querySelectorAll("details.me[open]").forEach(menu => { menu.open = false; });
});

// The review: what a match would do is asked for once the rest is painted; the next item is asked for while this one is
// read, so that it is there when a key goes up. A verdict that is refused brings its item back, with what is wrong.
let ahead = null;

function reviewing() {
  const item = document.getElementById("item");
  if (!item) return;
  const outcome = document.getElementById("outcome");
  if (outcome?.dataset.from) partOf(outcome.dataset.from, "outcome").then(found => {
    if (found?.part && outcome.isConnected) outcome.replaceWith(document.adoptNode(found.part));
  });
  if (item.dataset.look) fetch("/review/claim", {method: "POST", body: new URLSearchParams(item.dataset.look), keepalive: true});
  const next = item.dataset.next;
  ahead = next.startsWith("/review/item") ? {address: next, page: pageOf(fetch(next))} : null;
  document.getElementById("verdict")?.addEventListener("submit", given);
}

async function pageOf(answering) {
  const answer = await answering;
  return {address: answer.url, ok: answer.ok, page: new DOMParser().parseFromString(await answer.text(), "text/html")};
}

function shown(found) {
  const main = found.page.getElementById("main");
  if (!main) { location.href = found.address; return; }
  document.title = found.page.title;
  document.getElementById("main").replaceWith(document.adoptNode(main));
  localTimes(main);
  main.querySelectorAll("form[method=post]").forEach(sentOnce);
  scrollTo(0, 0);
  main.focus({preventScroll: true});
  reviewing();
}

async function given(event) {
  const form = event.target, verdict = event.submitter?.value;
  if (!verdict || event.defaultPrevented) return;
  event.preventDefault();
  const here = location.href, body = new URLSearchParams(new FormData(form));
  body.set("verdict", verdict);
  const sent = pageOf(fetch(form.action, {method: "POST", body}));
  const early = ahead && await Promise.race([ahead.page, sent.then(() => null)]);
  if (early?.ok) { history.pushState(null, "", early.address); shown(early); }
  let found;
  try { found = await sent; } catch { location.href = here; return; }
  if (!early?.ok || !found.ok) {
    history.pushState(null, "", found.ok ? found.address : here);
    shown(found);
  } else {
    const done = found.page.querySelector(".done"), item = document.getElementById("item");
    if (done && item && !item.querySelector(".done")) item.prepend(document.adoptNode(done));
  }
}

// A record that is dragged onto another one is the same customer as that one: its letter becomes the other's.
function dragging() {
  let held = null;
  for (const one of document.querySelectorAll("[data-record]")) {
    const letter = one.querySelector("select");
    one.draggable = true;
    one.addEventListener("dragstart", event => { held = letter; event.dataTransfer.setData("text/plain", letter.value); });
    one.addEventListener("dragover", event => { if (held && held !== letter) { event.preventDefault(); one.classList.add("over"); } });
    one.addEventListener("dragleave", () => one.classList.remove("over"));
    one.addEventListener("drop", event => {
      event.preventDefault();
      one.classList.remove("over");
      if (held && letter.value) held.selectedIndex = letter.selectedIndex;
      held = null;
    });
  }
}

addEventListener("popstate", () => location.reload());

localTimes(document);
const find = document.getElementById("find");
if (find) asTyped(find);
document.querySelectorAll("form[method=post]").forEach(sentOnce);
reviewing();
dragging();
const token = document.querySelector("input[data-token]");
if (token && !token.value && location.hash) token.value = decodeURIComponent(location.hash.slice(1));
