// Keeping pictures: favourites, and albums in a dialog of their own.

import { byId, count, el, svg, toast } from "./dom.js";
import { ask, change } from "./api.js";

const AT_ONCE = 100; // pictures in one request
const HEART = "M12 20S4 15 4 9.5A4.2 4.2 0 0 1 12 7.6 4.2 4.2 0 0 1 20 9.5C20 15 12 20 12 20z";

let keeping = { docIds: [], albums: [], done() {} }; // what the dialog is open for

export function prepare() {
  byId("keeper-new").addEventListener("submit", (event) => {
    event.preventDefault();
    put(byId("keeper-name").value, false);
  });
}

export function heart() {
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: HEART }));
}

export function albumQuery(name) {
  return `album:"${name.replaceAll('"', '""')}"`;
}

// Mark pictures as favourites, or no more. Whether it was done.
export async function setFavourite(docIds, undo) {
  return send("favourite", docIds, { undo });
}

// The dialog to put pictures into albums; a single picture is taken out of one, too.
export async function openAlbums(docIds, done) {
  keeping = { docIds, albums: [], done };
  byId("keeper-title").textContent = docIds.length === 1 ? "Albums of this picture" : `Add ${count(docIds.length, "picture")} to an album`;
  byId("keeper-name").value = "";
  byId("keeper-albums").replaceChildren();
  byId("keeper").showModal();
  try {
    const { albums } = await ask("shelves");
    if (docIds.length === 1) keeping.albums = (await ask("picture", { id: docIds[0] })).albums;
    draw(albums);
  } catch (error) {
    toast(error.message);
  }
}

function draw(albums) {
  byId("keeper-albums").replaceChildren(...albums.map(({ name, count: pictures }) => {
    const within = keeping.albums.includes(name);
    return el("li", {}, el("button", {
      type: "button", class: "shelf", "aria-pressed": keeping.docIds.length === 1 && String(within), onclick: () => put(name, within),
    }, el("bdi", {}, name), el("span", { class: "faded" }, within ? "✓ in it" : count(pictures, "picture"))));
  }));
}

async function put(name, undo) {
  const { docIds, done } = keeping;
  byId("keeper").close();
  if (!await send("album", docIds, { album: name, undo })) return;
  toast(undo ? `Taken out of ${name}.` : `${count(docIds.length, "picture")} kept in ${name}.`);
  done();
}

// Take pictures out of an album. Whether it was done.
export async function takeOut(name, docIds) {
  return send("album", docIds, { album: name, undo: true });
}

async function send(path, docIds, what) {
  try {
    for (let start = 0; start < docIds.length; start += AT_ONCE) {
      await change(path, { doc_ids: docIds.slice(start, start + AT_ONCE), ...what });
    }
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}
