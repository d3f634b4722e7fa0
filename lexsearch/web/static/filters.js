// Order, and controls for parts of the query: when, where, with what, of which kind.

import { byId, count, el } from "./dom.js";
import { ask } from "./api.js";

const FIELDS = { name: "in-folder", camera: "by-camera", kind: "of-kind" };
const LISTS = { name: "folders", camera: "cameras", kind: "kinds" };

let change = () => {}; // takes a function that gives a round: keywords to drop and to add
let keywords = [];

export function prepare(refine, sortBy) {
  change = refine;
  byId("sort").onchange = () => sortBy(byId("sort").value);
  byId("filters").addEventListener("toggle", () => { if (byId("filters").open) fill(); });
  for (const id of ["from-day", "to-day"]) byId(id).onchange = setDate;
  for (const [field, id] of Object.entries(FIELDS)) byId(id).onchange = () => set(field, byId(id).value);
  byId("only-favourites").onchange = () => set("is", byId("only-favourites").checked ? "is:favourite" : "");
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest("#filters")) byId("filters").open = false; });
  byId("filters").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !byId("filters").open) return;
    byId("filters").open = false;
    byId("filters").querySelector("summary").focus();
  });
}

// Pictures up to the end of a month, "2023-07"; "" for all.
export function until(month) {
  change(() => {
    const before = of("date");
    const from = before?.value.includes("..") ? before.value.split("..")[0] : "";
    const query = month ? `+date:${from <= month ? from : ""}..${month}` : from && `+date:${from}..`;
    return (before?.text ?? "") !== query && { drop: before ? [before.text] : [], add: query ? [query] : [] };
  });
}

// The month that the query ends with, or "".
export function lastMonth() {
  return days(of("date")?.value ?? "")[1].slice(0, 7);
}

// What the query says of them now.
export function show(found, sort) {
  keywords = found?.keywords ?? [];
  byId("sort").value = sort;
  byId("sort").options[0].text = found?.query ? "best first" : "newest files first";
  const on = ["date", "is", ...Object.keys(FIELDS)].filter(of).length;
  byId("filters").querySelector("summary").textContent = on ? `Filter · ${on}` : "Filter";
  if (byId("filters").open) fill();
}

function of(field) {
  return keywords.find((one) => one.field === field && one.sign !== "-");
}

async function fill() {
  const [from, to] = days(of("date")?.value ?? "");
  byId("from-day").value = from;
  byId("to-day").value = to;
  byId("only-favourites").checked = Boolean(of("is"));
  try {
    const shelves = await ask("shelves");
    for (const [field, id] of Object.entries(FIELDS)) options(byId(id), shelves[LISTS[field]], of(field));
  } catch {
    // the search says what is wrong
  }
}

function options(select, shelves, chosen) {
  select.closest("label").hidden = !shelves.length && !chosen;
  const known = shelves.find(({ name }) => name === chosen?.value);
  select.replaceChildren(
    el("option", { value: "" }, "any"),
    ...shelves.map(({ name, count: pictures, query }) => el("option", { value: query, selected: known?.name === name }, `${name} (${pictures})`)),
    chosen && !known ? el("option", { value: chosen.text, selected: true }, chosen.value) : "",
  );
}

function set(field, query) {
  change(() => {
    const before = of(field);
    return (before?.text ?? "") !== query && { drop: before ? [before.text] : [], add: query ? [query] : [] };
  });
}

function setDate() {
  const [from, to] = [byId("from-day").value, byId("to-day").value];
  if (from && to && from > to) {
    byId("to-day").setCustomValidity("before the first day");
    byId("to-day").reportValidity();
    return;
  }
  byId("to-day").setCustomValidity("");
  set("date", from || to ? `+date:${from === to ? from : `${from}..${to}`}` : "");
}

// The first and the last day of 2023, 2023-07, 2023-07-14, or of a range of these.
function days(text) {
  const [start, end = start] = text.split("..");
  return [/^\d{4}/.test(start) ? `${start}-01-01`.slice(0, 10) : "", /^\d{4}/.test(end) ? last(end) : ""];
}

function last(text) {
  const [year, month = "12", day] = text.split("-");
  return `${year}-${month}-${day ?? new Date(Date.UTC(year, month, 0)).getUTCDate()}`;
}

export function saidOrder(total, sort) {
  return { date: `${count(total, "picture")} by date`, name: `${count(total, "picture")} by name` }[sort] ?? "Newest pictures";
}
