// What is in the index, how far a running `lexsearch index` is, and what failed.

import { byId, count, el } from "./dom.js";
import { ask } from "./api.js";

const OFTEN = 2000;
const SELDOM = 30000;
const STAGES = { whole: "whole pictures", fixed: "17 patches", between: "23 patches between" };

let state = null;
let timer = 0;
let changed = () => {};

export function watch(whenChanged) {
  changed = whenChanged;
  byId("state-button").onclick = () => {
    drawBody();
    byId("state").showModal();
    look();
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  return look();
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
    const before = state?.searchable;
    state = await ask("status");
    drawButton();
    if (byId("state").open) drawBody();
    if (before !== undefined && before !== state.searchable) changed();
  } catch {
    // The next look will tell; a search says so at once.
  }
  if (!document.hidden) timer = setTimeout(look, state?.running ? OFTEN : SELDOM);
}

function drawButton() {
  const button = byId("state-button");
  const { running, failed } = state;
  const parts = [];
  if (running) {
    const share = running.total ? ` ${Math.floor((100 * running.done) / running.total)} %` : "";
    parts.push(el("span", { class: "pulse", "aria-hidden": "true" }), `Indexing${share}`);
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
  byId("state-body").replaceChildren(
    ...progress(),
    el("dl", { class: "facts" }, ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    ...failures(),
  );
}

function progress() {
  const { running } = state;
  if (!running) return [];
  const { stage, done, total, unit, seconds } = running;
  const rate = done / Math.max(seconds, 1);
  const left = total && rate ? `, ${duration((total - done) / rate)} left` : "";
  const bar = el("progress", { "aria-label": stage, ...(total ? { max: total, value: done } : {}) });
  return [el("div", { class: "running" },
    el("p", {}, el("b", {}, stage), ` ${done} ${total ? `of ${count(total, unit)}` : `${unit}s`}`),
    bar,
    el("p", { class: "small" }, `${rate.toFixed(1)} a second${left}`))];
}

function failures() {
  if (!state.failed) return [];
  return [
    el("h3", {}, `${count(state.failed, "file")} could not be used`),
    el("ul", { class: "failures", tabindex: "0", "aria-label": "Files that could not be used" },
      ...state.failures.map(({ path, reason }) => el("li", {}, el("span", {}, path), el("em", {}, reason)))),
  ];
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
