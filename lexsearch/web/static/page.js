// The page: the address says what is shown, everything else follows from it.

import { byId, count, el, toast } from "./dom.js";
import { ask, writable } from "./api.js";
import { addressOf, current, further, undone } from "./address.js";
import { Grid } from "./grid.js";
import { setKeywords } from "./colours.js";
import { drawChips, drawEmpty, drawSuggestions } from "./refine.js";
import { drawWords } from "./words.js";
import * as state from "./state.js";
import { prepare as prepareDuplicates } from "./duplicates.js";
import { browse, prepare as prepareShelves } from "./browse.js";
import * as filters from "./filters.js";
import * as offers from "./offers.js";
import * as keep from "./keep.js";
import * as selection from "./selection.js";
import * as timeline from "./timeline.js";
import * as otherWords from "./otherwords.js";
import * as viewer from "./viewer.js";

const FIRST = 60; // hits that are asked for at once
const MORE = 200; // and again while scrolling
const MOST = 10000;
const field = byId("query");

let shown = null; // the question whose hits are in the grid
let sorted = null; // and their order
let found = null; // the first page of its hits
let asking = null;
let loading = false;
let last = null; // the picture that was open

const grid = new Grid(byId("grid"), {
  address: (hit) => addressOf({ ...current(), picture: hit.doc_id }),
  open: (hit) => go({ ...current(), picture: hit.doc_id }),
  more,
  favour,
  chosen: selection.has,
});

// Going from view to view

function go(view, replace = false) {
  const address = addressOf(view);
  if (replace) history.replaceState(history.state, "", address);
  else if (address !== location.pathname + location.search) {
    history.pushState({ opened: Boolean(view.picture) }, "", address);
  }
  return render();
}

async function search(query, narrowed = false) {
  offers.close();
  offers.remember(query.trim());
  await go({ ...further(query.trim()), narrowed });
  addOtherWords();
}

// After the plain hits; unless the view is another one meanwhile.
async function addOtherWords() {
  const { query, also } = current();
  if (also.length || !found) return;
  const before = shown;
  const sentences = await otherWords.askFor(query, asking?.signal);
  if (shown !== before) return;
  if (sentences.length) go({ ...current(), also: sentences }, true);
  else otherWords.drawAlso([]);
}

function saysAlso(also) {
  go({ ...current(), also });
}

// What is added must be there: to add a word narrows. What lacks it follows below a line.
function narrow(word) {
  return refine({ add: `+${word}` }, true);
}

// One round after another: each goes on from what the one before has found.
let refining = Promise.resolve();

function refine(change, narrowed = undefined) {
  refining = refining.then(() => refineNow(typeof change === "function" ? change() : change, narrowed));
  return refining;
}

async function refineNow(change, narrowed = current().narrowed) {
  if (!change) return;
  try {
    const nothing = found?.keywords.length === change.drop?.length && !change.add?.length;
    const query = nothing ? "" : (await ask("refinement", { q: current().query, ...change })).query;
    await search(query, narrowed);
    scrollTo({ top: 0 });
  } catch (error) {
    toast(error.message);
  }
}

async function favour(hit) {
  if (await keep.setFavourite([hit.doc_id], hit.favourite)) grid.renew(hit.doc_id, { favourite: !hit.favourite });
}

function near() {
  return go({ ...current(), picture: null, near: true });
}

function undo() {
  if (current().rounds.length) go(undone());
}

// Back to where the picture was opened from; of one that was linked to, to its search.
function closePicture() {
  if (history.state?.opened) history.back();
  else go({ ...current(), picture: null }, true);
}

async function step(by) {
  const number = grid.numberOf(current().picture) + by;
  if (number >= grid.hits.length) await more();
  const hit = grid.hits[number];
  if (hit) go({ ...current(), picture: hit.doc_id }, true);
}

// What is shown

// What the server is asked: the query, the order, and what may follow below a line.
function questionOf({ query, also, sort, narrowed, near }) {
  return JSON.stringify({ q: query, also, sort, ...(narrowed && { lacking: true }), ...(near && { maybe: true }) });
}

async function render() {
  const { query, picture } = current();
  const question = questionOf(current());
  if (shown !== question) await load(question);
  if (questionOf(current()) !== question) return;
  if (picture) {
    const number = grid.numberOf(picture);
    viewer.show(picture, grid.hits[number], query, { first: number <= 0, last: number < 0 || number >= grid.total - 1 });
  } else if (viewer.isOpen()) {
    viewer.hide();
    grid.focus(Math.max(0, grid.numberOf(last)));
  }
  last = picture;
  document.title = query ? `${query} · lexsearch` : "lexsearch";
}

async function load(question) {
  asking?.abort();
  const mine = asking = new AbortController();
  const asked = JSON.parse(question);
  shown = question;
  sorted = asked.sort;
  field.value = asked.q;
  byId("busy").classList.add("on");
  try {
    const answer = await ask("search", { ...asked, k: FIRST }, mine.signal);
    found = answer;
    setKeywords(answer.keywords);
    grid.clear();
    selection.clear();
    grid.append(answer.hits, answer.listed);
    say(answer);
  } catch (error) {
    if (error.name === "AbortError") return;
    found = null;
    grid.clear();
    byId("summary").textContent = error.message;
    draw(null);
  } finally {
    if (asking === mine) byId("busy").classList.remove("on");
  }
}

function say(answer) {
  const { query, total, seconds } = answer;
  const time = el("span", { class: "faded" }, ` ${Math.max(1, Math.round(seconds * 1000))} ms`);
  byId("summary").replaceChildren(
    query ? (total ? count(total, "picture") : "No picture") : total ? filters.saidOrder(total, sorted) : "No pictures yet",
    query ? time : "",
  );
  draw(answer);
}

function draw(answer) {
  const { rounds, also } = current();
  otherWords.drawAlso(answer ? also : [], saysAlso);
  byId("all").hidden = !answer?.switch;
  byId("all-box").checked = Boolean(answer?.switch?.on);
  filters.show(answer, sorted);
  timeline.show(answer?.total || filters.lastMonth() ? sorted : "", filters.lastMonth());
  drawChips(answer, { search, undo, rounds });
  drawEmpty(answer, {
    search, searchable: state.searchable(), addFolder: state.feedable() && state.show,
    near: current().near ? null : near,
  });
  end();
  drawBeside(answer);
}

// The words beside the grid come after the pictures: they may take a moment longer.
async function drawBeside(answer) {
  const query = answer?.query;
  const wanted = shown;
  const any = Boolean(query && answer.hits.length);
  byId("refine").hidden = !any;
  browse(Boolean(answer?.total && !query));
  if (!any) return;
  const mine = asking;
  try {
    const [suggested, words] = await Promise.all([
      ask("suggestions", { q: query, n: 10 }, mine.signal),
      ask("words", { q: query, n: 36 }, mine.signal),
    ]);
    if (shown !== wanted) return;
    drawSuggestions(suggested.words, narrow);
    drawWords(words.words, narrow);
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message);
  }
}

async function more() {
  const skip = grid.hits.length;
  if (loading || !found || skip >= Math.min(grid.total, MOST)) return;
  loading = true;
  const question = shown;
  try {
    const answer = await ask("search", { ...JSON.parse(question), k: Math.min(MORE, MOST - skip), skip }, asking.signal);
    if (shown === question && grid.hits.length === skip) {
      if (!answer.hits.length) grid.total = skip; // some were removed meanwhile
      grid.append(answer.hits, grid.total);
      end();
    }
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message);
  } finally {
    loading = false;
  }
  grid.draw();
}

function end() {
  const all = grid.hits.length >= grid.total;
  const most = grid.hits.length >= MOST;
  byId("end").hidden = !(grid.hits.length > FIRST && (all || most));
  if (byId("end").hidden) return;
  byId("end").textContent = all ? "That was all." : `The first ${count(MOST, "picture")}. Add a word to narrow it down.`;
}

// Keys, buttons, light and dark

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea")) return;
  if (event.key === "?") byId("help").open || byId("help").showModal();
  else if (document.querySelector("dialog[open]")) return;
  else if (event.key === "/") field.focus(), field.select();
  else if (event.key === "u") undo();
  else if (event.target.closest(".tile") && onTile[event.key]) onTile[event.key](grid.hits[grid.focused]);
  else return;
  event.preventDefault();
}

const onTile = {
  m: (hit) => refine({ like: hit.doc_id }),
  n: (hit) => refine({ unlike: hit.doc_id }),
  f: (hit) => writable && favour(hit),
  a: (hit) => writable && keep.openAlbums([hit.doc_id], () => {}),
};

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

function otherTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = dark ? "light" : "dark";
  setTheme(theme);
  try { localStorage.setItem("lexsearch-theme", theme); } catch { /* private windows keep nothing */ }
}

function start() {
  try { setTheme(localStorage.getItem("lexsearch-theme")); } catch { /* as above */ }
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    search(field.value);
    scrollTo({ top: 0 });
  });
  offers.prepare((query) => {
    search(query);
    scrollTo({ top: 0 });
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.blur();
    if (event.key !== "ArrowDown" || !grid.hits.length) return;
    event.preventDefault();
    grid.focus(grid.focused);
  });
  byId("home").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ rounds: [], picture: null });
  });
  byId("all-box").onchange = () => {
    const { on, all, any } = found.switch;
    search(on ? any : all);
  };
  filters.prepare(refine, (sort) => {
    go({ ...current(), sort, picture: null });
    scrollTo({ top: 0 });
  });
  timeline.prepare(filters.until);
  prepareShelves((query) => {
    search(query);
    scrollTo({ top: 0 });
  });
  otherWords.prepare((wanted) => wanted ? addOtherWords() : saysAlso([]));
  prepareDuplicates();
  byId("help-button").onclick = () => byId("help").showModal();
  byId("theme-button").onclick = otherTheme;
  for (const card of document.querySelectorAll("dialog.card")) {
    card.addEventListener("click", (event) => { if (event.target === card) card.close(); });
  }
  byId("words").open = matchMedia("(min-width: 1100px)").matches;
  viewer.prepare({
    close: closePicture,
    step,
    like: (docId) => refine({ like: docId }),
    unlike: (docId) => refine({ unlike: docId }),
    search,
    renewed: (docId, changes) => grid.renew(docId, changes),
  });
  keep.prepare();
  selection.prepare(grid, {
    query: () => current().query,
    album: () => found?.keywords.find(({ field: where, sign }) => where === "album" && sign !== "-")?.value,
    originals: state.originals,
    again: () => { shown = null; render(); },
  });
  addEventListener("popstate", render);
  addEventListener("keydown", onKey);
  state.watch(() => { if (!found?.hits.length) { shown = null; render(); } });
  render();
}

start();
