// The words of the pictures found: a cloud, and the commonest fifteen as bars.

import { byId, count, el } from "./dom.js";

const BARS = 15;

export function drawWords(words, add) {
  byId("words").hidden = !words.length;
  if (!words.length) return;
  const most = words[0].count;
  const least = words.at(-1).count;
  const cloud = [...words].sort((a, b) => (a.word < b.word ? -1 : 1));
  byId("cloud").replaceChildren(...cloud.flatMap(({ word, count: pictures }) => {
    const button = el("button", {
      type: "button", onclick: () => add(word), "aria-label": `${word}, in ${count(pictures, "picture")}`,
    }, word);
    const share = (pictures - least) / Math.max(1, most - least);
    button.style.fontSize = `${(0.85 + share ** 0.7).toFixed(2)}rem`;
    button.style.fontWeight = String(400 + Math.round(250 * share));
    return [button, " "];
  }));
  byId("histogram").replaceChildren(...words.slice(0, BARS).map(({ word, count: pictures }) => {
    const bar = el("span", { class: "bar-of", "aria-hidden": "true" });
    bar.style.width = `${(100 * pictures) / most}%`;
    return el("li", {}, el("span", { class: "word" }, word), el("span", { class: "track" }, bar),
      el("span", { class: "number" }, String(pictures)));
  }));
}
