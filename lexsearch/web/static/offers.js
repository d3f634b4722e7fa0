// What the field offers while one types: words, fields and dates of the index, earlier searches.

import { byId, count, el } from "./dom.js";
import { ask } from "./api.js";

const KEPT = 50; // earlier searches, in this browser alone
const SHOWN = 8;
const EARLIER_BESIDE = 2; // earlier searches above the words that are offered
const PAUSE = 60; // milliseconds without a key
const NAME = "lexsearch-history";
const FIELDS = {
  "text:": "words written in the picture", "name:": "its file or folder", "about:": "title, keywords, place",
  "date:": "when it was taken, such as 2023-07", "camera:": "what took it", "kind:": "format and shape, such as raw or panorama", "album:": "among those of an album", "is:favourite": "among your favourites",
};

const field = byId("query");
const list = byId("offered");
let search = () => {};
let offers = []; // { query, text, note, forget }
let chosen = -1;
let typed = "";
let asking = null;
let waiting = 0;

export function prepare(searchFor) {
  search = searchFor;
  field.addEventListener("input", () => offer(PAUSE));
  field.addEventListener("focus", () => { if (!field.value) offer(0); });
  field.addEventListener("click", () => { if (!field.value && list.hidden) offer(0); });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", onKey);
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // the field keeps the focus
    const row = event.target.closest("li");
    if (row) take(Number(row.dataset.number));
  });
}

export function isOpen() {
  return !list.hidden;
}

export function close() {
  clearTimeout(waiting);
  asking?.abort();
  list.hidden = true;
  chosen = -1;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
  byId("offers").textContent = "";
}

// A search that was made is offered again, the latest first.
export function remember(query) {
  if (query) keep([query, ...earlier().filter((other) => other !== query)].slice(0, KEPT));
}

function earlier() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(kept) ? kept.filter((query) => typeof query === "string") : [];
  } catch {
    return [];
  }
}

function keep(queries) {
  try { localStorage.setItem(NAME, JSON.stringify(queries)); } catch { /* private windows keep nothing */ }
}

function offer(pause) {
  clearTimeout(waiting);
  waiting = setTimeout(look, pause);
}

async function look() {
  asking?.abort();
  const mine = asking = new AbortController();
  typed = field.value;
  const known = earlier().filter((query) => query !== typed && query.toLowerCase().startsWith(typed.toLowerCase()));
  if (!typed) {
    const rows = known.slice(0, SHOWN).map((query) => ({ query, text: query, note: "earlier" }));
    if (rows.length) rows.push({ text: "Forget earlier searches", forget: true });
    ask("completions", {}, mine.signal).catch(() => {}); // the server begins to read its words
    return draw(rows);
  }
  try {
    const { completions } = await ask("completions", { q: typed, n: SHOWN }, mine.signal);
    if (field.value !== typed || document.activeElement !== field) return;
    draw([
      ...known.slice(0, EARLIER_BESIDE).map((query) => ({ query, text: query, note: "earlier" })),
      ...completions.filter(({ query }) => !known.slice(0, EARLIER_BESIDE).includes(query)).map(({ query, text, count: pictures }) => ({
        query, text, field: text.endsWith(":"), note: pictures === null ? FIELDS[text] : count(pictures, "picture"),
      })),
    ].filter(({ query }) => query !== typed));
  } catch (error) {
    if (error.name !== "AbortError") close(); // the search itself will say what is wrong
  }
}

function draw(rows) {
  close();
  offers = rows;
  if (!rows.length) return;
  list.replaceChildren(...rows.map(({ text, note, forget }, number) => el("li", {
    role: "option", id: `offer-${number}`, "aria-selected": "false", "data-number": number, class: forget ? "forget" : "",
  }, el("span", {}, text), note && el("span", { class: "count" }, note))));
  list.hidden = false;
  field.setAttribute("aria-expanded", "true");
  byId("offers").textContent = `${count(rows.length, "suggestion")}, down to choose`;
}

function choose(number) {
  chosen = (number + offers.length + 1) % (offers.length + 1); // the last is what was typed
  for (const row of list.children) row.setAttribute("aria-selected", String(Number(row.dataset.number) === chosen));
  const row = list.children[chosen];
  if (row) {
    field.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  } else {
    chosen = -1;
    field.removeAttribute("aria-activedescendant");
  }
}

function take(number) {
  const { query, forget, field: isField } = offers[number];
  if (forget) {
    keep([]);
    return close();
  }
  field.value = query;
  if (isField) return look();
  close();
  search(query);
}

function onKey(event) {
  if (!isOpen() || event.isComposing) return;
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen < 0 ? offers.length - 1 : chosen - 1);
  else if (event.key === "Escape") close();
  else if (event.key === "Enter" && chosen >= 0) take(chosen);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}
