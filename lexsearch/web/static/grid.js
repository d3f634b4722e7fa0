// Pictures in rows of equal height, each row as wide as the page. Only what is near the window
// is in the document, so that ten thousand hits scroll as lightly as ten.

import { el, svg } from "./dom.js";
import { imageAddress, writable } from "./api.js";
import { colourOf } from "./colours.js";
import { heart } from "./keep.js";

const GAP = 12;
const LINES = [0, 26, 44]; // below each picture for its words, in one line or two, at 16 pixels a rem
const LINE = 44; // pixels of a line between parts of the list
const PARTS = { // what stands below a line
  perhaps: "Perhaps: one or two parts of the picture alone say so",
  lacking: "Without what was added",
  near: "None of it, but words near to it",
};
const LETTER = 7; // that a letter of them is wide, roughly
const MOST_WORDS = 12;
const FLATTEST = 2.6;
const TALLEST = 0.56;

export class Grid {
  constructor(place, { address, open, more, favour, chosen }) {
    this.place = place;
    this.address = address;
    this.open = open;
    this.more = more;
    this.favour = favour;
    this.chosen = chosen;
    this.clear();
    this.drawing = 0;
    new ResizeObserver(() => this.arrange()).observe(place);
    addEventListener("scroll", () => this.draw(), { passive: true });
    place.addEventListener("keydown", (event) => this.step(event));
    place.addEventListener("focusin", (event) => this.noteFocus(event));
  }

  clear() {
    this.hits = [];
    this.total = 0;
    this.rows = [];
    this.spots = [];
    this.tiles = new Map();
    this.lines = [];
    this.focused = 0;
    this.place.replaceChildren();
    this.place.style.height = "0";
    this.place.removeAttribute("role");
  }

  append(hits, total) {
    this.hits.push(...hits);
    this.total = total;
    if (this.hits.length) this.place.setAttribute("role", "list");
    this.arrange();
  }

  // Where every picture goes.
  arrange() {
    const width = this.place.clientWidth;
    if (!width) return;
    const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    this.below = LINES.map((pixels) => pixels * scale);
    const wanted = Math.min(width < 600 ? 150 : 210 + width / 40, innerHeight * 0.6);
    this.rows = [];
    this.spots = [];
    let top = 0;
    let row = [];
    let ratios = 0;
    const close = (height) => {
      let left = 0;
      let lines = 1;
      for (const number of row) {
        const hit = this.hits[number];
        const wide = shape(hit) * height;
        this.spots[number] = { left, top, width: wide, height, row: this.rows.length };
        left += wide + GAP;
        if (lettersOf(hit) * LETTER * scale > wide) lines = 2;
      }
      this.rows.push({ top, first: row[0], last: row.at(-1) });
      top += height + this.below[lines] + GAP;
      row = [];
      ratios = 0;
    };
    this.lines.forEach((line) => line.remove());
    this.lines = [];
    this.hits.forEach((hit, number) => {
      const part = hit.below !== (number ? this.hits[number - 1].below : "") && PARTS[hit.below];
      if (part) {
        if (row.length) close(Math.min(wanted, (width - GAP * (row.length - 1)) / ratios));
        const line = el("p", { class: "line", role: "listitem" }, part);
        line.style.top = `${top}px`;
        this.lines.push(line);
        top += LINE;
      }
      row.push(number);
      ratios += shape(hit);
      const height = (width - GAP * (row.length - 1)) / ratios;
      if (height <= wanted) close(height);
    });
    if (row.length) close(Math.min(wanted, (width - GAP * (row.length - 1)) / ratios));
    this.place.append(...this.lines);
    this.place.style.height = `${Math.max(0, top - GAP)}px`;
    this.drawNow();
  }

  draw() {
    this.drawing ||= requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    cancelAnimationFrame(this.drawing);
    this.drawing = 0;
    const above = -this.place.getBoundingClientRect().top;
    const first = this.rowAt(above - innerHeight * 0.75);
    const last = this.rowAt(above + innerHeight * 1.75);
    const from = this.rows[first]?.first ?? 0;
    const to = this.rows[last]?.last ?? -1;
    for (const [number, tile] of this.tiles) {
      const kept = (number >= from && number <= to) || tile.contains(document.activeElement);
      if (!kept) {
        tile.remove();
        this.tiles.delete(number);
      }
    }
    for (let number = from; number <= to; number++) this.show(number);
    const left = this.place.clientHeight - above - innerHeight;
    if (this.hits.length && left < innerHeight * 2) this.more();
  }

  rowAt(height) {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle].top <= height) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  show(number) {
    let tile = this.tiles.get(number);
    if (!tile) {
      tile = this.makeTile(number);
      this.tiles.set(number, tile);
      const next = [...this.tiles.keys()].filter((other) => other > number);
      this.place.insertBefore(tile, next.length ? this.tiles.get(Math.min(...next)) : null);
    }
    const { left, top, width, height } = this.spots[number];
    tile.style.transform = `translate(${left}px, ${top}px)`;
    tile.style.width = `${width}px`;
    tile.firstChild.style.height = `${height}px`;
    tile.firstChild.tabIndex = number === this.focused ? 0 : -1;
  }

  makeTile(number) {
    const hit = this.hits[number];
    const said = hit.words.slice(0, MOST_WORDS);
    const link = el("a", {
      class: "thumb",
      href: this.address(hit),
      draggable: "false",
      "aria-label": [`${hit.rank}. ${hit.name}`, said.length && `matches ${said.join(", ")}`,
        hit.missing.length && `without ${hit.missing.join(", ")}`].filter(Boolean).join("; "),
      onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.focused = number;
        this.open(hit);
      },
    });
    if (hit.has_picture) {
      const image = el("img", { alt: "", decoding: "async", draggable: "false" });
      image.onload = () => image.classList.add("there");
      image.onerror = () => link.replaceChildren(el("span", { class: "none" }, "no longer there, or damaged"));
      image.src = imageAddress(hit.doc_id, this.spots[number].height * devicePixelRatio > 330 ? 640 : 320);
      if (image.complete) image.classList.add("there");
      link.append(image);
    } else {
      link.append(el("span", { class: "none" }, "captions only"));
    }
    const words = el("p", { class: "words" });
    for (const word of wordsOf(hit)) words.append(words.childElementCount ? " · " : "", word);
    return el("div", {
      class: "tile", role: "listitem", "aria-setsize": this.total, "aria-posinset": number + 1,
    }, link, this.makePick(hit), this.makeHeart(hit), words);
  }

  makePick(hit) {
    return el("button", {
      type: "button", class: "pick", tabindex: "-1", role: "checkbox", "aria-checked": String(this.chosen(hit)), "aria-label": `Select: ${hit.name}`,
    }, svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: "m6 12.5 4 4 8-9" })));
  }

  // Which pictures are selected.
  mark(chosen) {
    for (const [number, tile] of this.tiles) {
      tile.querySelector(".pick").setAttribute("aria-checked", String(chosen(this.hits[number])));
    }
  }

  numberOfTile(tile) {
    return Number(tile.getAttribute("aria-posinset")) - 1;
  }

  // The numbers of the pictures that a box touches; in pixels of the page.
  within({ left, top, right, bottom }) {
    const here = this.place.getBoundingClientRect();
    const x = here.left + scrollX;
    const y = here.top + scrollY;
    return [...this.spots.keys()].filter((number) => {
      const spot = this.spots[number];
      return spot.left + x < right && spot.left + spot.width + x > left && spot.top + y < bottom && spot.top + spot.height + y > top;
    });
  }

  // On every picture where it can be pressed, else on favourites.
  makeHeart(hit) {
    if (!writable) return hit.favourite && el("span", { class: "heart", role: "img", "aria-label": "Favourite" }, heart());
    return el("button", {
      type: "button", class: "heart", tabindex: "-1", "aria-pressed": String(hit.favourite), "aria-label": `Favourite: ${hit.name}`,
      onclick: () => this.favour(hit),
    }, heart());
  }

  noteFocus(event) {
    for (const [number, tile] of this.tiles) {
      const here = tile.contains(event.target);
      if (here) this.focused = number;
      tile.firstChild.tabIndex = here ? 0 : -1;
    }
  }

  // Arrow keys go from picture to picture, up and down to the one nearest above or below.
  step(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (this.go(event.key)) event.preventDefault();
  }

  // Whether it is such a key.
  go(key) {
    const here = this.focused;
    const to = {
      ArrowLeft: here - 1,
      ArrowRight: here + 1,
      Home: 0,
      End: this.hits.length - 1,
      ArrowUp: this.beside(here, -1),
      ArrowDown: this.beside(here, 1),
    }[key];
    if (to !== undefined) this.focus(Math.max(0, Math.min(this.hits.length - 1, to)));
    return to !== undefined;
  }

  beside(number, direction) {
    const spot = this.spots[number];
    const row = this.rows[spot.row + direction];
    if (!row) return number;
    const middle = spot.left + spot.width / 2;
    let best = row.first;
    for (let other = row.first; other <= row.last; other++) {
      if (this.away(other, middle) < this.away(best, middle)) best = other;
    }
    return best;
  }

  away(number, middle) {
    return Math.abs(this.spots[number].left + this.spots[number].width / 2 - middle);
  }

  focus(number) {
    if (!this.spots[number]) return;
    this.focused = number;
    const { top, height } = this.spots[number];
    const start = this.place.getBoundingClientRect().top + scrollY + top;
    const bar = 90;
    if (start - bar < scrollY) scrollTo({ top: start - bar });
    else if (start + height + this.below[2] > scrollY + innerHeight) scrollTo({ top: start + height + this.below[2] - innerHeight });
    this.drawNow();
    this.tiles.get(number)?.firstChild.focus({ preventScroll: true });
  }

  // Something else is known of a picture than when it was searched for.
  renew(docId, changes) {
    const number = this.numberOf(docId);
    if (number < 0) return;
    this.hits[number] = { ...this.hits[number], ...changes };
    const tile = this.tiles.get(number);
    const focused = tile?.contains(document.activeElement);
    tile?.remove();
    this.tiles.delete(number);
    this.arrange();
    if (focused) this.tiles.get(number)?.firstChild.focus({ preventScroll: true });
  }

  numberOf(docId) {
    return this.hits.findIndex((hit) => hit.doc_id === docId);
  }
}

function shape(hit) {
  const ratio = hit.width && hit.height ? hit.width / hit.height : 4 / 3;
  return Math.max(TALLEST, Math.min(FLATTEST, ratio));
}

// The matching words in the colours of their keywords, then the keywords that are missing.
function wordsOf(hit) {
  const colours = new Map();
  for (const { keyword, words } of hit.evidence) {
    for (const word of words) if (!colours.has(word)) colours.set(word, colourOf(keyword));
  }
  const words = hit.words.slice(0, MOST_WORDS)
    .map((word) => el("span", { class: colours.get(word) }, word));
  if (!words.length) words.push(el("span", { class: "name" }, hit.name.split("/").at(-1)));
  return [...words, ...hit.missing.map((keyword) => el("s", {}, keyword))];
}

function lettersOf(hit) {
  return [...hit.words.slice(0, MOST_WORDS), ...hit.missing].join(" · ").length; // a name is cut
}
