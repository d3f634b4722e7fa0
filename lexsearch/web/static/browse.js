// Beside the newest pictures: months and folders to look through, each of them a search.

import { byId, count, el } from "./dom.js";
import { ask } from "./api.js";

const MONTH = new Intl.DateTimeFormat("en", { month: "long", timeZone: "UTC" });

let search = () => {};
let wanted = false;
let any = false;

export function prepare(searchFor) {
  search = searchFor;
  byId("shelves").open = matchMedia("(min-width: 1100px)").matches;
}

// Shown while nothing is searched for.
export async function browse(now) {
  wanted = now;
  byId("browse").hidden = !wanted || !any;
  if (!wanted) return;
  try {
    const { today, months, folders, favourites, albums } = await ask("shelves");
    drawKept(today, favourites, albums);
    drawMonths(months);
    drawFolders(folders);
    any = today.count + favourites + albums.length + months.length + folders.length > 0;
    byId("browse").hidden = !wanted || !any;
  } catch {
    byId("browse").hidden = true; // the search says what is wrong
  }
}

function shelf({ query, count: pictures }, text, label = text) {
  return el("button", {
    type: "button", class: "shelf", "aria-label": `${label}, ${count(pictures, "picture")}`, onclick: () => search(query),
  }, el("bdi", {}, text), el("span", { class: "faded" }, String(pictures)));
}

function drawKept(today, favourites, albums) {
  byId("kept-list").replaceChildren(...[
    today.count && shelf(today, `On this day, ${today.name}`),
    favourites && shelf({ query: "is:favourite", count: favourites }, "Favourites"), ...albums.map((album) => shelf(album, album.name)),
  ].filter(Boolean).map((one) => el("li", {}, one)));
  byId("kept").hidden = !(today.count || favourites || albums.length);
}

function drawMonths(months) {
  const years = new Map();
  for (const month of months) {
    const year = month.name.slice(0, 4);
    years.set(year, [...(years.get(year) ?? []), month]);
  }
  byId("timeline").replaceChildren(...[...years].map(([year, each]) => el("li", {}, el("h3", {}, year), el("ul", {}, ...each.map((month) => {
    const name = month.name.length > 4 ? MONTH.format(new Date(`${month.name}-01T00:00:00Z`)) : "no month";
    return el("li", {}, shelf(month, name, `${name} ${year}`));
  })))));
  byId("months").hidden = !months.length;
}

// The folders come in order, each after the one that it is in.
function drawFolders(folders) {
  const top = el("ul", {});
  const lists = new Map([["", top]]);
  for (const folder of folders) {
    const cut = folder.name.lastIndexOf("/");
    const above = lists.get(folder.name.slice(0, Math.max(0, cut))) ?? top;
    const below = el("ul", {});
    above.append(el("li", {}, shelf(folder, folder.name.slice(cut + 1), folder.name), below));
    lists.set(folder.name, below);
  }
  for (const list of lists.values()) if (!list.childElementCount) list.remove();
  byId("tree").replaceChildren(...top.children);
  byId("folders").hidden = !folders.length;
}
