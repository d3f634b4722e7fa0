// The same search in other words, where the server was started with a language model: plain hits come
// first, then sentences as chips that can be taken out.

import { byId, el, toast } from "./dom.js";
import { ask } from "./api.js";

const KEPT = "lexsearch-other-words";
const offered = document.documentElement.dataset.words !== "";
const box = byId("other-words-box");

export function prepare(changed) {
  byId("other-words").hidden = !offered;
  try { box.checked = localStorage.getItem(KEPT) !== "no"; } catch { box.checked = true; }
  box.onchange = () => {
    try { localStorage.setItem(KEPT, box.checked ? "yes" : "no"); } catch { /* private windows keep nothing */ }
    changed(box.checked);
  };
}

// Sentences for a query: none where they are not wanted, or the model does not answer, which is said.
export async function askFor(query, signal) {
  if (!offered || !box.checked || !query) return [];
  byId("also").hidden = false;
  byId("also").replaceChildren(el("span", { class: "faded", role: "status" }, "asking for other words…"));
  try {
    const { sentences, note } = await ask("enhance", { q: query }, signal);
    if (!sentences.length && note) toast(`Searched for the words as typed: ${note}`);
    return sentences;
  } catch (error) {
    if (error.name !== "AbortError") toast(`Searched for the words as typed: ${error.message}`);
    return [];
  }
}

export function drawAlso(also, take) {
  byId("also").replaceChildren(...also.map((sentence, number) => el("span", { class: "chip also" },
    el("span", {}, `also: ${sentence}`),
    el("button", {
      type: "button", "aria-label": `Without ${sentence}`, title: "Take it out",
      onclick: () => take(also.filter((_, other) => other !== number)),
    }, "×"))));
  byId("also").hidden = !also.length;
}
