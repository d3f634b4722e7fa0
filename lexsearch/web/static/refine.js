// Beside and above the grid: the query as chips, further words, and what to do about nothing.

import { byId, count, el } from "./dom.js";
import { imageAddress } from "./api.js";
import { colourOf } from "./colours.js";

export function drawChips(found, { search, undo, rounds }) {
  const place = byId("chips");
  const chips = (found?.keywords ?? []).map(({ text, like, name, without }) => el("span", { class: `chip ${text.startsWith("-") || like ? "" : colourOf(text)}` },
    el("span", {}, text, like && el("img", { src: imageAddress(like, 160), alt: name, title: name })),
    without !== null && el("button", {
      type: "button", "aria-label": `Without ${text}${like ? ` ${name}` : ""}`, title: "Take it out", onclick: () => search(without),
    }, "×")));
  if (rounds.length > 1) {
    chips.push(el("button", {
      type: "button", class: "quiet undo", onclick: undo, title: `Back to: ${rounds.at(-2)}`,
    }, "↶ Undo"));
  }
  place.replaceChildren(...chips);
  place.hidden = !chips.length;
}

export function drawSuggestions(words, add) {
  byId("suggestions").replaceChildren(...words.map(({ word, count: pictures }) => el("button", {
    type: "button", class: "suggestion", onclick: () => add(word),
    "aria-label": `Add ${word}, in ${count(pictures, "picture")}`,
  }, word, el("span", {}, String(pictures)))));
  byId("suggested").hidden = !words.length;
}

// Nothing was found, or a keyword is unknown: say so, and offer what is near.
export function drawEmpty(found, { search, searchable, addFolder, near }) {
  const place = byId("empty");
  place.replaceChildren();
  place.hidden = true;
  if (!found) return;
  const nothing = !found.hits.length;
  for (const { keyword, nearest } of found.unknown) {
    place.append(el("p", {}, "No picture has ", el("b", {}, keyword), nearest.length ? ". Perhaps:" : "."));
    if (nearest.length) {
      place.append(el("p", { class: "suggestions" }, ...nearest.map(({ word, count: pictures }) => el("button", {
        type: "button", class: "suggestion", onclick: () => search(found.query.replace(keyword, word)),
        "aria-label": `Search for ${word} instead, in ${count(pictures, "picture")}`,
      }, word, el("span", {}, String(pictures))))));
    }
  }
  if (found.unknown.length && near) {
    place.append(el("p", {}, el("button", { type: "button", onclick: near }, "Show pictures that have near words")));
  }
  if (nothing) {
    if (!searchable) {
      place.append(el("p", {}, "The index is empty. Fill it with ", el("code", {}, "lexsearch index FOLDER")));
      if (addFolder) place.append(el("button", { type: "button", class: "main", onclick: addFolder }, "Add a folder"));
    } else {
      place.prepend(el("h2", {}, "Nothing found"));
      const others = found.keywords.filter(({ without }) => without);
      if (others.length) {
        place.append(el("p", {}, "Without a word of it:"), el("p", { class: "suggestions" },
          ...others.map(({ text, without }) => el("button", {
            type: "button", class: "suggestion", onclick: () => search(without),
          }, el("s", {}, text)))));
      }
      place.append(el("p", { class: "small" },
        "Pictures are found by the words of their captions. A word that the captioner never said finds nothing, "
        + "even where the thing is in the picture; captions can be corrected."));
    }
  }
  place.hidden = !place.childElementCount;
}
