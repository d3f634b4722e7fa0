// Several pictures at once: by click, shift, drag, keys or a long press, and what is done with them.

import { byId, count, el, toast } from "./dom.js";
import { ask, fileAddress, writable } from "./api.js";
import { openAlbums, setFavourite, takeOut } from "./keep.js";

const AT_ONCE = 200; // pictures in one file, or question
const FAR = 6; // pixels that make a drag of a press
const LONG = 500; // milliseconds that make a long one

let grid;
let page; // what the page tells it: query, album, originals
let chosen = new Map(); // hits by doc_id
let last = null; // the number that a range begins at
let dragged = false; // the click that ends a drag is none

export function prepare(itsGrid, asked) {
  grid = itsGrid;
  page = asked;
  const { place } = grid;
  place.addEventListener("click", onClick, true);
  place.parentElement.addEventListener("pointerdown", onPress);
  addEventListener("keydown", onKey);
}

export function clear() {
  chosen.clear();
  last = null;
  show();
}

export function has(hit) {
  return chosen.has(hit.doc_id);
}

// Choosing

function choose(numbers, on) {
  for (const number of numbers) {
    const hit = grid.hits[number];
    if (on) chosen.set(hit.doc_id, hit);
    else chosen.delete(hit.doc_id);
  }
  show();
}

function toggle(number) {
  choose([number], !has(grid.hits[number]));
  last = number;
}

function between(one, other) {
  const from = Math.min(one, other);
  return Array.from({ length: Math.abs(one - other) + 1 }, (_, step) => from + step);
}

function extend(number) {
  choose(between(last ?? number, number), true);
  last ??= number;
}

// A click on the box; with shift a range; and anywhere on a picture while others are chosen.
function onClick(event) {
  const tile = event.target.closest(".tile");
  if (dragged) {
    dragged = false;
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = event.target.closest(".pick");
  const onPicture = event.target.closest(".thumb") && event.detail > 0; // Enter opens
  if (!box && !(onPicture && (event.shiftKey || chosen.size))) return;
  event.preventDefault();
  event.stopPropagation();
  const number = grid.numberOfTile(tile);
  if (event.shiftKey) extend(number);
  else toggle(number);
}

function onKey(event) {
  if (event.target.closest("input, textarea, dialog") || document.querySelector("dialog[open]")) return;
  const onTile = event.target.closest(".tile");
  const ctrl = event.ctrlKey || event.metaKey;
  if (event.key === "Escape" && chosen.size) clear();
  else if (ctrl && event.key === "a" && grid.hits.length) choose(between(0, grid.hits.length - 1), true);
  else if (onTile && !ctrl && (event.key === "x" || (event.key === " " && event.target.matches(".thumb")))) toggle(grid.focused);
  else if (onTile && event.shiftKey && event.key.startsWith("Arrow")) {
    last ??= grid.focused;
    grid.go(event.key);
    extend(grid.focused);
  } else return;
  event.preventDefault();
}

// A frame drawn with the mouse takes what it touches; a finger that rests takes one.
function onPress(event) {
  if (event.target.closest("button, input")) return;
  dragged = false;
  if (event.pointerType === "mouse") {
    if (event.button === 0 && !event.shiftKey && grid.hits.length) frame(event);
  } else if (event.target.closest(".thumb")) rest(event);
}

function frame(event) {
  const start = { x: event.pageX, y: event.pageY };
  const before = new Map(chosen);
  const band = el("div", { class: "band" });
  const move = (now) => {
    if (!dragged && Math.hypot(now.pageX - start.x, now.pageY - start.y) < FAR) return;
    if (!dragged) document.body.append(band);
    dragged = true;
    const box = {
      left: Math.min(start.x, now.pageX), top: Math.min(start.y, now.pageY),
      right: Math.max(start.x, now.pageX), bottom: Math.max(start.y, now.pageY),
    };
    Object.assign(band.style, {
      left: `${box.left}px`, top: `${box.top}px`, width: `${box.right - box.left}px`, height: `${box.bottom - box.top}px`,
    });
    chosen = new Map(before);
    choose(grid.within(box), true);
  };
  const end = () => {
    removeEventListener("pointermove", move);
    band.remove();
    // The click follows at once, where there is one.
    setTimeout(() => { dragged = false; });
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end, { once: true });
  addEventListener("pointercancel", end, { once: true });
}

function rest(event) {
  const number = grid.numberOfTile(event.target.closest(".tile"));
  const waiting = setTimeout(() => {
    dragged = true;
    toggle(number);
  }, LONG);
  const menu = (other) => other.preventDefault();
  const end = () => {
    clearTimeout(waiting);
    removeEventListener("pointermove", moved);
    setTimeout(() => removeEventListener("contextmenu", menu));
  };
  const moved = (now) => { if (Math.hypot(now.pageX - event.pageX, now.pageY - event.pageY) > FAR) end(); };
  addEventListener("pointermove", moved);
  addEventListener("contextmenu", menu);
  for (const name of ["pointerup", "pointercancel", "scroll"]) addEventListener(name, end, { once: true });
}

// What is done with them

function show() {
  const bar = byId("selection");
  const { size } = chosen;
  grid.mark(has);
  grid.place.classList.toggle("choosing", size > 0);
  bar.hidden = !size;
  byId("selected").textContent = size ? `${count(size, "picture")} selected` : "";
  if (bar.hidden) return;
  if (!bar.dataset.drawn) draw(bar);
  byId("take-out").hidden = !(writable && page.album());
  byId("pack").hidden = !page.originals();
  const all = [...chosen.values()].every((hit) => hit.favourite);
  byId("favour-all").setAttribute("aria-pressed", String(all));
}

function draw(bar) {
  bar.dataset.drawn = "yes";
  const button = (id, text, doing, shown = true) => shown && el("button", { type: "button", id, onclick: doing }, text);
  bar.querySelector(".doings").replaceChildren(...[
    button("favour-all", "Favourite", favourAll, writable),
    button("gather-all", "Album…", () => openAlbums(ids(), () => {}), writable),
    button("take-out", "Take out of album", takeThemOut, writable) || el("span", { id: "take-out" }),
    button("copy-paths", "Copy paths", copyPaths),
    button("as-json", "JSON", saveJson),
    button("as-sheet", "Contact sheet", () => save("sheet", "jpg")),
    button("pack", "ZIP", () => save("archive", "zip")),
    button("unselect", "Clear", clear),
  ].filter(Boolean));
}

function ids() {
  return [...chosen.keys()];
}

async function favourAll() {
  const undo = [...chosen.values()].every((hit) => hit.favourite);
  if (!await setFavourite(ids(), undo)) return;
  for (const docId of ids()) {
    grid.renew(docId, { favourite: !undo });
    chosen.set(docId, { ...chosen.get(docId), favourite: !undo });
  }
  show();
}

async function takeThemOut() {
  const album = page.album();
  if (!await takeOut(album, ids())) return;
  toast(`${count(chosen.size, "picture")} taken out of ${album}.`);
  page.again();
}

function parts() {
  const all = ids();
  return Array.from({ length: Math.ceil(all.length / AT_ONCE) }, (_, part) => all.slice(part * AT_ONCE, (part + 1) * AT_ONCE));
}

// What the server knows of them.
async function known() {
  const found = [];
  for (const part of parts()) found.push(...await ask("selection", { id: part, q: page.query() }));
  return found;
}

async function copyPaths() {
  try {
    const paths = (await known()).map((one) => one.paths[0] ?? one.doc_id);
    await navigator.clipboard.writeText(paths.join("\n"));
    toast(`${count(paths.length, "path")} copied.`);
  } catch (error) {
    toast(error.name === "NotAllowedError" ? "The browser does not let this page copy; JSON has the paths." : error.message);
  }
}

async function saveJson() {
  try {
    const file = new Blob([JSON.stringify(await known(), null, 1)], { type: "application/json" });
    const address = URL.createObjectURL(file);
    download(address, "pictures.json");
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  } catch (error) {
    toast(error.message);
  }
}

// One file, or several with numbers.
function save(kind, ending) {
  const all = parts();
  all.forEach((part, number) => download(fileAddress(kind, part), `pictures${all.length > 1 ? `-${number + 1}` : ""}.${ending}`));
}

function download(address, name) {
  el("a", { href: address, download: name }).click();
}
