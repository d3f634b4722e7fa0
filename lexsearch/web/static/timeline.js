// Beside pictures that are in order of date: all months on one line, to be slid along.

import { byId, count, el } from "./dom.js";
import { ask } from "./api.js";

const MONTH = new Intl.DateTimeFormat("en", { month: "long", year: "numeric", timeZone: "UTC" });
const PAUSE = 300; // milliseconds after the last key
const APART = 22; // pixels between the names of two years

const place = byId("scrubber");
let jump = () => {};
let months = []; // { name, count, at }, the latest first; at: from 0, the top, to 1
let here = 0; // the number of the month that is shown first
let waiting = 0;

export function prepare(goTo) {
  jump = goTo;
  place.addEventListener("pointerdown", drag);
  place.addEventListener("keydown", onKey);
  new ResizeObserver(drawYears).observe(place);
}

// until: the last month that the query lets through, as "2023-07", or "".
export async function show(sort, until) {
  place.hidden = sort !== "date";
  document.body.classList.toggle("has-scrubber", !place.hidden);
  if (place.hidden) return;
  try {
    months = spread((await ask("shelves")).months.filter(({ name }) => /^\d{4}-\d{2}$/.test(name)));
  } catch {
    months = []; // the search says what is wrong
  }
  place.hidden = months.length < 2;
  document.body.classList.toggle("has-scrubber", !place.hidden);
  here = Math.max(0, until ? months.findIndex(({ name }) => name <= until) : 0);
  place.setAttribute("aria-valuemax", String(Math.max(0, months.length - 1)));
  drawYears();
  mark(here);
}

// Months with more pictures take more of the line, but none takes nothing.
function spread(found) {
  let sum = 0;
  const sizes = found.map((month) => Math.sqrt(month.count));
  const whole = sizes.reduce((a, b) => a + b, 0) || 1;
  return found.map((month, number) => {
    const at = sum / whole;
    sum += sizes[number];
    return { ...month, at };
  });
}

function drawYears() {
  const { clientHeight } = place;
  const years = [];
  let last = -Infinity;
  for (const { name, at } of months) {
    const year = name.slice(0, 4);
    if (years.at(-1)?.textContent === year || at * clientHeight - last < APART) continue;
    last = at * clientHeight;
    const label = el("span", {}, year);
    label.style.top = `${100 * at}%`;
    years.push(label);
  }
  byId("scrubber-years").replaceChildren(...years);
}

function mark(number) {
  const month = months[number];
  if (!month) return;
  place.setAttribute("aria-valuenow", String(number));
  place.setAttribute("aria-valuetext", said(month));
  byId("scrubber-mark").style.top = `${100 * month.at}%`;
}

function said({ name, count: pictures }) {
  return `${MONTH.format(new Date(`${name}-01T00:00:00Z`))}, ${count(pictures, "picture")}`;
}

function point(number) {
  const bubble = byId("scrubber-bubble");
  bubble.hidden = false;
  bubble.textContent = said(months[number]);
  bubble.style.top = `${100 * months[number].at}%`;
  mark(number);
}

function go(number) {
  byId("scrubber-bubble").hidden = true;
  here = number;
  jump(number ? months[number].name : "");
}

function at(event) {
  const { top, height } = place.getBoundingClientRect();
  const share = (event.clientY - top) / height;
  return Math.max(0, months.findLastIndex((month) => month.at <= share));
}

function drag(event) {
  if (event.button) return;
  event.preventDefault();
  place.focus({ preventScroll: true });
  place.setPointerCapture(event.pointerId);
  const move = (now) => point(at(now));
  move(event);
  place.addEventListener("pointermove", move);
  place.addEventListener("lostpointercapture", () => place.removeEventListener("pointermove", move), { once: true });
  place.addEventListener("pointerup", (now) => go(at(now)), { once: true });
}

function onKey(event) {
  const last = months.length - 1;
  const now = Number(place.getAttribute("aria-valuenow"));
  const to = {
    ArrowDown: now + 1, ArrowRight: now + 1, ArrowUp: now - 1, ArrowLeft: now - 1,
    PageDown: now + 12, PageUp: now - 12, Home: 0, End: last, Enter: now,
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  const number = Math.max(0, Math.min(last, to));
  point(number);
  clearTimeout(waiting);
  waiting = setTimeout(() => { if (number !== here) go(number); }, event.key === "Enter" ? 0 : PAUSE);
}
