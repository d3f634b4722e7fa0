// What is in the index, how far describing is, what failed; and to describe more, where one may.

import { byId, count, el } from "./dom.js";
import { ask, change } from "./api.js";

const OFTEN = 2000;
const SELDOM = 10000;
const STAGES = { whole: "whole pictures", fixed: "17 patches", between: "23 patches between" };

let state = null;
let timer = 0;
let changed = () => {};

export function watch(whenChanged) {
  changed = whenChanged;
  byId("state-button").onclick = show;
  byId("feed").onsubmit = (event) => {
    event.preventDefault();
    feed(true, byId("feed-folder").value).then((done) => { if (done) byId("feed-folder").value = ""; });
  };
  byId("feed-run").onclick = () => feed(!state.feeding.runs);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  return look();
}

export function show() {
  drawBody();
  byId("state").showModal();
  look();
}

// Whether folders may be added here.
export function feedable() {
  return Boolean(state?.feeding);
}

// Whether this browser may have the files themselves.
export function originals() {
  return state?.originals ?? false;
}

export function searchable() {
  return state?.searchable ?? 0;
}

async function look() {
  clearTimeout(timer);
  try {
    take(await ask("status"));
  } catch {
    // The next look will tell; a search says so at once.
  }
  const isBusy = state?.running || state?.feeding?.runs || state?.waiting;
  if (!document.hidden) timer = setTimeout(look, isBusy ? OFTEN : SELDOM);
}

function take(now) {
  const before = state?.searchable;
  state = now;
  drawButton();
  if (byId("state").open) drawBody();
  if (before === undefined ? !state.searchable : before !== state.searchable) changed();
}

// Describe what is new, with one folder more perhaps, or pause. Whether that could be done.
async function feed(run, folder = null) {
  try {
    take(await change("feeding", { run, folder }));
    look();
    return true;
  } catch (error) {
    byId("feed-told").textContent = error.message;
    return false;
  }
}

function drawButton() {
  const button = byId("state-button");
  const { running, failed } = state;
  const parts = [];
  if (running) {
    const done = shareOf(running);
    const share = done === null ? "" : ` ${Math.floor(100 * done)} %`;
    const left = running.left ? `, ${duration(running.left)} left` : "";
    parts.push(el("span", { class: "pulse", "aria-hidden": "true" }), `Indexing${share}${left}`);
  } else {
    parts.push(count(state.searchable, "picture"));
  }
  if (failed) parts.push(el("span", { class: "bad" }, `${failed} failed`));
  button.replaceChildren(...parts);
  button.hidden = false;
}

function drawBody() {
  if (!state) return;
  const rows = [
    ["Index", state.index],
    ...state.folders.map((folder) => ["Folder", folder]),
    ["Pictures", count(state.pictures, "picture")],
    state.imported && ["Imported", count(state.imported, "document")],
    ["Can be found", count(state.searchable, "picture")],
    ...state.stages.map((stage) => [STAGES[stage.stage] ?? stage.stage,
      `${count(stage.pictures, "picture")}, ${stage.captioner}`]),
  ].filter(Boolean);
  drawFeeding();
  byId("state-body").replaceChildren(
    ...progress(),
    el("dl", { class: "facts" }, ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    ...failures(),
  );
}

// What may be done is told where one may; else the form stays away.
function drawFeeding() {
  const { feeding } = state;
  byId("feeding").hidden = !feeding;
  if (!feeding) return;
  const button = byId("feed-run");
  button.textContent = feeding.ends ? "Pausing" : feeding.runs ? "Pause" : "Look for new pictures";
  button.disabled = feeding.ends || (!feeding.runs && !state.folders.length);
  const follows = feeding.runs && feeding.watches ? "Follows what changes in these folders." : "";
  byId("feed-told").textContent = feeding.error || follows;
}

// From 0 to 1, by time where the server knows it; null where nobody does.
function shareOf({ share, done, total }) {
  return share ?? (total ? done / total : null);
}

function progress() {
  const { running } = state;
  if (!running) return [];
  const { stage, done, total, unit, seconds } = running;
  const rate = done / Math.max(seconds, 1);
  const time = running.left ?? (total && rate ? (total - done) / rate : null);
  const left = time === null ? "" : `, ${duration(time)} left`;
  const share = shareOf(running);
  const bar = el("progress", { "aria-label": stage, ...(share === null ? {} : { max: 1, value: share }) });
  return [el("div", { class: "running" },
    el("p", {}, el("b", {}, stage), ` ${done} ${total ? `of ${count(total, unit)}` : `${unit}s`}`),
    bar,
    el("p", { class: "small" }, `${rate.toFixed(1)} a second${left}`))];
}

function failures() {
  if (!state.failed) return [];
  return [
    el("h3", {}, `${count(state.failed, "file")} could not be used `, state.feeding && el("button",
      { type: "button", disabled: state.feeding.runs, onclick: () => feed(true) }, "Try again")),
    el("ul", { class: "failures", tabindex: "0", "aria-label": "Files that could not be used" },
      ...state.failures.map(({ path, reason }) => el("li", {}, el("span", {}, path), el("em", {}, reason)))),
  ];
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
