// One picture: where its words were seen, all its captions by crop, and their correction.

import { byId, count, el, svg, toast } from "./dom.js";
import { ask, change, imageAddress, originalAddress, writable } from "./api.js";
import { colourOf } from "./colours.js";
import { albumQuery, heart, openAlbums, setFavourite } from "./keep.js";
import { Zoom } from "./zoom.js";

const dialog = byId("viewer");
const panel = byId("panel");
const frame = byId("frame");
const large = byId("large");
const regions = byId("regions");
const spot = byId("spot");
const told = byId("told");

const SIDES = [1280, 2048, 4096, 8192];
const PAN = 120;
const SLIDE = 4000; // milliseconds that a picture of a slide show stands

const zoom = new Zoom(byId("stage"), frame, {
  natural: () => [picture?.width ?? large.naturalWidth, picture?.height ?? large.naturalHeight],
  grown: sharpen,
  swiped: (by) => (by ? page.step(by) : page.close()),
});

let page; // what the page lets it do: close, step, like, unlike, search, renewed
let hit = null;
let picture = null;
let asked = ""; // the query that the hit is of

export function prepare(doings) {
  page = doings;
  byId("close").onclick = () => page.close();
  byId("before").onclick = () => page.step(-1);
  byId("after").onclick = () => page.step(1);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (showing) return stopShow();
    page.close();
  });
  dialog.addEventListener("keydown", onKey);
  byId("nearer").onclick = () => zoom.step(1);
  byId("farther").onclick = () => zoom.step(-1);
  byId("fit").onclick = () => zoom.reset();
  byId("stage").addEventListener("click", (event) => {
    if (event.target === byId("stage")) page.close();
  });
  byId("pause").onclick = pause;
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) stopShow(); });
  new ResizeObserver(fit).observe(byId("stage"));
  large.onload = () => {
    const first = !large.classList.contains("there");
    large.classList.add("there");
    fit();
    if (first) zoom.begin();
  };
  large.onerror = () => { told.textContent = "The file is no longer there, or damaged."; };
}

// found: the hit of the search, if it is at hand; query: to learn why the picture matches.
export async function show(docId, found, query, ends) {
  hit = found ?? nothing(docId);
  asked = query;
  const again = picture?.doc_id === docId;
  if (!again) {
    picture = null;
    clear();
    large.classList.remove("there");
    large.removeAttribute("src");
    zoom.reset();
  }
  byId("before").disabled = ends.first;
  byId("after").disabled = ends.last;
  if (!dialog.open) dialog.showModal();
  if (!again) panel.replaceChildren(heading(), el("p", { class: "small" }, "…"));
  if (!showing) panel.focus({ preventScroll: true });
  let known;
  try {
    known = await ask("picture", { id: docId, q: query });
  } catch (error) {
    if (hit?.doc_id === docId) panel.replaceChildren(heading(), el("p", { class: "sorry" }, error.message));
    return;
  }
  if (hit?.doc_id !== docId || !dialog.open) return; // another was opened meanwhile
  picture = known;
  if (known.hit) hit = known.hit;
  if (!again && picture.has_picture) {
    large.alt = wholeText() || picture.name;
    shownSide = side(1);
    large.src = imageAddress(docId, shownSide);
  } else if (!picture.has_picture) {
    told.textContent = "These captions came without a picture.";
  }
  draw();
  fit();
}

function nothing(docId) {
  return { doc_id: docId, name: docId, words: [], evidence: [], missing: [] };
}

// After a change: the picture as it is now, and why it is found now.
function renew(known) {
  picture = known;
  const lost = hit.evidence.length > 0 && !picture.hit;
  hit = picture.hit ?? { ...nothing(picture.doc_id), lost };
  draw();
  const { words, evidence, missing } = hit;
  page.renewed(picture.doc_id, { words, evidence, missing });
}

// After it was kept or not: the panel, with the focus where it was.
async function keep() {
  const focused = document.activeElement?.id;
  try {
    const known = await ask("picture", { id: picture.doc_id, q: asked });
    if (known.doc_id !== picture?.doc_id) return; // another was opened meanwhile
    picture = known;
    draw();
    byId(focused)?.focus();
    page.renewed(picture.doc_id, { favourite: picture.favourite });
  } catch (error) {
    toast(error.message);
  }
}

async function favour() {
  if (await setFavourite([picture.doc_id], picture.favourite)) await keep();
}

// One picture after another, as large as the screen.
let showing = false;
let slide = 0;

async function startShow() {
  showing = true;
  dialog.classList.add("showing");
  byId("pause").hidden = false;
  byId("pause").textContent = "Pause";
  byId("pause").focus();
  next();
  try { await byId("stage").requestFullscreen(); } catch { /* then as large as the window */ }
}

function next() {
  clearTimeout(slide);
  slide = setTimeout(async () => {
    if (byId("after").disabled) return stopShow();
    await page.step(1);
    return showing && next();
  }, SLIDE);
}

function pause() {
  const paused = byId("pause").textContent === "Go on";
  byId("pause").textContent = paused ? "Pause" : "Go on";
  if (paused) next();
  else clearTimeout(slide);
}

function stopShow() {
  if (!showing) return;
  showing = false;
  clearTimeout(slide);
  dialog.classList.remove("showing");
  byId("pause").hidden = true;
  if (document.fullscreenElement) document.exitFullscreen();
  panel.focus({ preventScroll: true });
}

export function hide() {
  stopShow();
  hit = picture = null;
  if (dialog.open) dialog.close();
}

export function isOpen() {
  return dialog.open;
}

let shownSide = 0; // of the copy that is shown

// Of the copy that has as many pixels as are shown at a scale, or of the largest one.
function side(scale) {
  const wanted = Math.max(innerWidth, innerHeight) * devicePixelRatio * scale;
  return SIDES.find((each) => each * 1.1 > wanted) ?? SIDES.at(-1);
}

function sharpen(scale) {
  const longest = Math.max(picture?.width ?? 0, picture?.height ?? 0);
  const wanted = side(scale);
  if (!picture?.has_picture || wanted <= shownSide || shownSide >= longest) return;
  shownSide = wanted;
  const sharper = new Image();
  const { doc_id: docId } = picture;
  sharper.onload = () => { if (picture?.doc_id === docId) large.src = sharper.src; };
  sharper.src = imageAddress(docId, wanted);
}

function wholeText() {
  return picture.captions.filter((row) => row.crop === "whole").map((row) => row.text).join("; ");
}

// The frame is exactly as large as the picture shown, so that boxes fall where they belong.
function fit() {
  const width = picture?.width ?? large.naturalWidth;
  const height = picture?.height ?? large.naturalHeight;
  frame.hidden = !(width && height && picture?.has_picture);
  if (frame.hidden) return;
  const stage = byId("stage");
  const pad = stage.clientWidth < 700 ? 0 : 32;
  const scale = Math.min(
    (stage.clientWidth - 2 * pad) / width,
    (stage.clientHeight - 2 * pad) / height,
    Math.max(1, 900 / Math.max(width, height)),
  );
  frame.style.width = `${width * scale}px`;
  frame.style.height = `${height * scale}px`;
  zoom.pan(0, 0);
}

function place(element, box) {
  const [left, top, right, bottom] = box;
  element.style.left = `${(100 * left) / picture.width}%`;
  element.style.top = `${(100 * top) / picture.height}%`;
  element.style.width = `${(100 * (right - left)) / picture.width}%`;
  element.style.height = `${(100 * (bottom - top)) / picture.height}%`;
}

function clear() {
  regions.replaceChildren();
  dim();
}

// Light up a part of the picture, and say what was said of it.
function light(box, words) {
  spot.hidden = !(box && picture?.width);
  if (!spot.hidden) place(spot, box);
  told.textContent = words;
}

function dim() {
  spot.hidden = true;
  told.textContent = picture && !picture.has_picture ? "These captions came without a picture." : "";
  for (const row of panel.querySelectorAll(".lit")) row.classList.remove("lit");
}

function lights(element, box, words, row = null) {
  const on = () => {
    light(box, words);
    row?.()?.classList.add("lit");
  };
  element.addEventListener("pointerenter", on);
  element.addEventListener("focus", on);
  element.addEventListener("pointerleave", dim);
  element.addEventListener("blur", dim);
}

function draw() {
  clear();
  const seen = hit.evidence.filter((evidence) => evidence.box && picture.width);
  for (const evidence of [...seen].sort((a, b) => area(b.box) - area(a.box))) {
    const said = saidOf(evidence);
    const region = el("button", {
      type: "button", class: `region ${colourOf(evidence.keyword)}`, "aria-label": `${evidence.keyword}: ${said}`,
    }, el("span", {}, evidence.keyword));
    place(region, evidence.box);
    lights(region, evidence.box, said, () => rowOf(evidence.crops[0]));
    region.onclick = () => rowOf(evidence.crops[0])?.scrollIntoView({ block: "center", behavior: "smooth" });
    regions.append(region);
  }
  panel.replaceChildren(heading(), ...why(), doings(), ...albums(), ...denied(), captions());
}

function area([left, top, right, bottom]) {
  return (right - left) * (bottom - top);
}

function saidOf(evidence) {
  const texts = evidence.crops.flatMap((crop) => picture.captions.filter((row) => row.crop === crop))
    .map((row) => row.text).filter(Boolean);
  return [...new Set(texts)].slice(0, 3).join("; ") || evidence.words.join(", ");
}

function rowOf(crop) {
  return [...panel.querySelectorAll(".caption")].find((row) => row.dataset.crop === crop);
}

function heading() {
  const name = picture?.name ?? hit.name;
  const folder = name.includes("/") ? name.slice(0, name.lastIndexOf("/") + 1) : "";
  return el("header", {},
    el("h2", {}, el("span", { class: "faded" }, folder), name.slice(folder.length)),
    picture && el("p", { class: "small" }, [
      picture.width && `${picture.width} × ${picture.height}`, ...picture.paths,
    ].filter(Boolean).join(" · ")));
}

function why() {
  if (!hit.words.length && !hit.missing.length) return hit.lost ? [el("p", { class: "small" }, "This search finds it no more.")] : [];
  const list = el("ul", { class: "evidence", "aria-label": "Why it was found" });
  for (const evidence of hit.evidence) {
    const share = Math.round(100 * evidence.share);
    const button = el("button", { type: "button", class: `said-by ${colourOf(evidence.keyword)}` },
      el("b", {}, evidence.keyword),
      el("span", {}, evidence.words.join(", ")),
      el("span", { class: "share" }, `${share} %`));
    lights(button, evidence.box, saidOf(evidence), () => rowOf(evidence.crops[0]));
    list.append(el("li", {}, button, ...wrong(evidence)));
  }
  if (!hit.evidence.length) list.append(el("li", {}, hit.words.join(", ")));
  for (const keyword of hit.missing) list.append(el("li", { class: "missing" }, el("s", {}, keyword), " not seen"));
  return [el("h3", {}, "Why it was found"), list];
}

// "That is wrong": at once where one word was found, else the words to choose from.
function wrong(evidence) {
  const words = evidence.crops.length ? evidence.words : []; // a name or a date was not said
  if (!writable || !words.length) return [];
  const named = (word) => `Wrong: never say ${word} of this picture`;
  if (words.length === 1) return [wrongButton(words, named(words[0]), "Wrong")];
  const choice = el("div", { class: "choice", hidden: true }, el("span", { class: "small" }, "Never say"),
    ...words.map((word) => wrongButton([word], named(word), word)),
    wrongButton(words, named(words.join(", ")), "all of these"));
  const opener = el("button", {
    type: "button", class: "wrong", "aria-expanded": "false", "aria-label": `Wrong: words for ${evidence.keyword}`,
    onclick: () => {
      choice.hidden = !choice.hidden;
      opener.setAttribute("aria-expanded", String(!choice.hidden));
      if (!choice.hidden) choice.querySelector("button").focus();
    },
  }, "Wrong");
  return [opener, choice];
}

function wrongButton(words, label, text) {
  return el("button", { type: "button", class: "wrong", "aria-label": label, title: label, onclick: () => deny(words) }, text);
}

async function deny(words, undo = false) {
  try {
    renew(await change("denial", { doc_id: picture.doc_id, words, undo, q: asked }));
    toast(undo ? `${words.join(", ")} counts again.` : `Kept: never ${words.join(", ")} of this picture.`);
    const back = [...panel.querySelectorAll(".denied button")].find((button) => words.includes(button.dataset.word));
    (back ?? panel).focus();
  } catch (error) {
    toast(error.message);
  }
}

// What a person said is wrong, to be taken back.
function denied() {
  if (!picture.denied.length) return [];
  return [el("section", { class: "denied" }, el("h3", {}, "Never said of it"),
    el("ul", {}, ...picture.denied.map((word) => el("li", {}, el("s", {}, word), writable && el("button", {
      type: "button", class: "quiet", "data-word": word, "aria-label": `Undo: say ${word} again`, onclick: () => deny([word], true),
    }, "↶ Undo")))))];
}

function doings() {
  return el("div", { class: "doings" },
    writable && el("button", {
      type: "button", id: "favour", class: "favour", "aria-pressed": String(picture.favourite), onclick: favour,
    }, heart(), "Favourite"),
    writable && el("button", {
      type: "button", id: "gather", onclick: () => openAlbums([picture.doc_id], keep),
    }, "Albums…"),
    el("button", { type: "button", onclick: () => page.like(hit.doc_id) }, "More like this"),
    el("button", { type: "button", onclick: () => page.unlike(hit.doc_id) }, "Not like this"),
    el("button", { type: "button", id: "show", onclick: startShow }, "Slide show"),
    picture.paths[0]?.startsWith("/") && navigator.clipboard && el("button", { type: "button", onclick: copyPath }, "Copy path"),
    picture.original && el("a", { class: "button", href: originalAddress(picture.doc_id), download: "" }, "Download"));
}

function albums() {
  if (!picture.albums.length) return [];
  return [el("section", {}, el("h3", {}, "In albums"), el("div", { class: "suggestions albums" },
    ...picture.albums.map((name) => el("button", { type: "button", class: "chip", onclick: () => page.search(albumQuery(name)) }, el("bdi", {}, name)))))];
}

async function copyPath() {
  try {
    await navigator.clipboard.writeText(picture.paths[0]);
    toast(`Copied: ${picture.paths[0]}`);
  } catch {
    toast("The browser does not let this page copy; the path is above.");
  }
}

function captions() {
  const list = el("ul", { class: "captions" });
  for (const row of picture.captions) list.append(captionRow(row));
  return el("section", {},
    el("h3", {}, "What was said of it"),
    list,
    el("p", { class: "small" }, count(picture.captions.length, "caption")));
}

function captionRow(row) {
  const field = row.field === "text" ? ", text read" : "";
  const label = `${row.crop}${field}${row.caption_id && ` ${row.caption_id}`}`;
  const words = el("p", {}, row.text || el("i", { class: "faded" }, "nothing"));
  const item = el("li", { class: "caption", "data-crop": row.crop, tabindex: "0" },
    map(row), el("div", {},
      el("h4", {}, label, row.source === "human" && el("span", { class: "mark" }, "corrected")),
      words));
  lights(item, row.box, row.text);
  if (writable) {
    words.ondblclick = () => openEditor(item, row, label);
    item.append(el("button", {
      type: "button", class: "quiet pencil", "aria-label": `Correct: ${label}`,
      onclick: () => openEditor(item, row, label),
    }, svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3" }))));
  }
  return item;
}

// Which part of the picture, in small.
function map(row) {
  const made = svg("svg", { viewBox: "0 0 36 27", class: "map", "aria-hidden": "true" },
    svg("rect", { class: "all", x: 0.5, y: 0.5, width: 35, height: 26, rx: 3 }));
  if (row.box && picture.width) {
    const [left, top, right, bottom] = row.box;
    made.append(svg("rect", {
      class: "part", rx: 2, x: (36 * left) / picture.width, y: (27 * top) / picture.height,
      width: (36 * (right - left)) / picture.width, height: (27 * (bottom - top)) / picture.height,
    }));
  }
  return made;
}

function openEditor(item, row, label) {
  const input = el("textarea", { rows: 3, maxlength: "20000", "aria-label": `Words for: ${label}` });
  input.value = row.text;
  const close = () => {
    item.replaceWith(captionRow(row));
    rowOf(row.crop)?.querySelector(".pencil")?.focus();
  };
  const save = async (text) => {
    try {
      renew(await change("caption", {
        doc_id: picture.doc_id, text, crop: row.crop, field: row.field, caption_id: row.caption_id, q: asked,
      }));
      rowOf(row.crop)?.querySelector(".pencil")?.focus();
      toast(text === null ? "The captioner's own words are back."
        : text.trim() ? "Kept. It can be found by these words now." : "Kept. Nothing is said of this part now.");
    } catch (error) {
      toast(error.message);
    }
  };
  const form = el("form", {
    class: "editor",
    onsubmit: (event) => { event.preventDefault(); save(input.value); },
  },
  input,
  el("div", { class: "doings" },
    el("button", { type: "submit", class: "main" }, "Keep"),
    el("button", { type: "button", onclick: close }, "Cancel"),
    row.source === "human" && el("button", { type: "button", onclick: () => save(null) }, "Take the correction back")));
  form.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") { event.preventDefault(); close(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save(input.value);
  });
  item.replaceChildren(map(row), form);
  input.focus();
  input.select();
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("textarea, input")) return;
  const doing = {
    ArrowLeft: () => zoom.pan(PAN, 0) || page.step(-1),
    ArrowRight: () => zoom.pan(-PAN, 0) || page.step(1),
    ArrowUp: () => zoom.pan(0, PAN),
    ArrowDown: () => zoom.pan(0, -PAN),
    "+": () => zoom.step(1),
    "=": () => zoom.step(1),
    "-": () => zoom.step(-1),
    0: () => zoom.reset(),
    m: () => page.like(hit.doc_id),
    n: () => page.unlike(hit.doc_id),
    s: () => (showing ? stopShow() : startShow()),
    " ": showing && pause,
    f: () => byId("favour")?.click(),
    a: () => byId("gather")?.click(),
    e: () => panel.querySelector(".pencil")?.click(),
    w: () => panel.querySelector(".wrong")?.click(),
  }[event.key];
  if (!doing || (/Up|Down/.test(event.key) && zoom.scale === 1)) return; // else the panel scrolls
  event.preventDefault();
  doing();
}
