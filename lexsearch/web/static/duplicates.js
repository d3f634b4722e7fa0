// Pictures that are there more than once, group by group.

import { byId, count, el } from "./dom.js";
import { ask, imageAddress } from "./api.js";
import { addressOf } from "./address.js";

export function prepare() {
  byId("duplicates-button").onclick = () => {
    byId("state").close();
    byId("duplicates-list").replaceChildren();
    byId("duplicates").showModal();
    more(0);
  };
}

async function more(skip) {
  const told = byId("duplicates-told");
  told.textContent = "Comparing";
  byId("duplicates-more").hidden = true;
  try {
    const { total, groups, next } = await ask("duplicates", { skip });
    told.textContent = total ? `${count(total, "group")}; the largest copy comes first` : "No picture is there twice.";
    byId("duplicates-list").append(...groups.map(drawGroup));
    byId("duplicates-more").hidden = next === null;
    byId("duplicates-more").onclick = () => more(next);
  } catch (error) {
    told.textContent = error.message;
  }
}

function drawGroup(group) {
  return el("li", {}, el("ul", { class: "copies" }, ...group.map(drawCopy)));
}

function drawCopy({ doc_id: docId, names, width, height }) {
  const address = addressOf({ rounds: [], picture: docId });
  return el("li", {},
    el("a", { href: address }, el("img", { src: imageAddress(docId, 160), alt: names[0] ?? docId, loading: "lazy" })),
    width && el("span", { class: "faded" }, `${width} \u00d7 ${height}`),
    ...names.map((name) => el("bdi", {}, name)));
}
