// Zoom and pan of the picture in the viewer: wheel, drag, pinch, double click, keys, buttons;
// swipes across a picture that is not zoomed.

const STEP = 1.5;
const MOST = 4; // CSS pixels for one of the picture's
const LEAST_MOST = 8; // times its fitted size, at least
const LONG = 3; // a picture so much flatter or taller than the stage begins filled
const SWIPE = 60; // CSS pixels
const MOVED = 5;

export class Zoom {
  // natural(): [width, height] of the picture; grown(scale): more pixels may be needed.
  constructor(stage, frame, { natural, grown, swiped }) {
    this.stage = stage;
    this.frame = frame;
    this.natural = natural;
    this.grown = grown;
    this.swiped = swiped;
    this.pointers = new Map();
    this.dragged = false;
    this.reset();
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), [event.clientX, event.clientY]);
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (event.target.closest(".step, .zooms")) return;
      if (this.scale > 1) this.reset();
      else this.by(Math.max(2.5, this.filling()), [event.clientX, event.clientY]);
    });
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.up(event));
    // What ends a drag is no click.
    stage.addEventListener("click", (event) => {
      if (this.dragged) event.stopImmediatePropagation();
      this.dragged = false;
    }, { capture: true });
  }

  reset() {
    this.scale = 1;
    this.left = this.top = 0;
    this.draw();
  }

  // A panorama begins as large as its shorter side needs, at its left or upper end.
  begin() {
    this.reset();
    const { clientWidth, clientHeight } = this.frame;
    const flat = clientWidth / clientHeight / (this.stage.clientWidth / this.stage.clientHeight);
    if (Math.max(flat, 1 / flat) < LONG) return;
    this.by(this.filling() * 0.6);
    this.pan(Infinity, Infinity);
  }

  // The scale at which the picture covers the stage.
  filling() {
    const { clientWidth, clientHeight } = this.frame;
    return Math.max(this.stage.clientWidth / clientWidth, this.stage.clientHeight / clientHeight);
  }

  most() {
    return Math.max(LEAST_MOST, (MOST * this.natural()[0]) / (this.frame.clientWidth || 1));
  }

  // at: the point of the window that stays where it is; by default the stage's middle.
  by(factor, at = null) {
    if (this.frame.hidden) return;
    const before = this.scale;
    this.scale = Math.min(this.most(), Math.max(1, before * factor));
    const box = this.stage.getBoundingClientRect();
    const [x, y] = at ?? [box.left + box.width / 2, box.top + box.height / 2];
    const fromLeft = x - box.left - box.width / 2 - this.left;
    const fromTop = y - box.top - box.height / 2 - this.top;
    const more = this.scale / before - 1;
    this.pan(-fromLeft * more, -fromTop * more);
    this.grown(this.scale);
  }

  step(direction) {
    this.by(direction > 0 ? STEP : 1 / STEP);
  }

  // Whether it moved: not beyond the picture's ends.
  pan(x, y) {
    const room = (side) => Math.max(0, (this.frame[side] * this.scale - this.stage[side]) / 2);
    const [left, top] = [this.left, this.top];
    this.left = Math.max(-room("clientWidth"), Math.min(room("clientWidth"), left + x));
    this.top = Math.max(-room("clientHeight"), Math.min(room("clientHeight"), top + y));
    this.draw();
    return Math.abs(this.left - left) + Math.abs(this.top - top) > 0.5;
  }

  draw() {
    const { style } = this.frame;
    style.transform = this.scale === 1 ? "" : `translate(${this.left}px, ${this.top}px) scale(${this.scale})`;
    style.setProperty("--zoom", String(this.scale));
    this.stage.classList.toggle("zoomed", this.scale > 1);
  }

  down(event) {
    if (event.button || event.target.closest(".step, .zooms")) return;
    if (!this.pointers.size) {
      this.dragged = false;
      this.start = [event.clientX, event.clientY];
      this.swipe = event.pointerType === "touch" && this.scale === 1;
    }
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pointers.size > 1) this.swipe = false;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (distance(now, this.start) > MOVED && !this.dragged) {
      this.dragged = true;
      this.stage.setPointerCapture(event.pointerId);
    }
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      this.by(distance(now, other) / Math.max(1, distance(before, other)), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
      this.dragged = true;
    } else if (this.dragged && this.scale > 1) this.pan(now[0] - before[0], now[1] - before[1]);
    this.pointers.set(event.pointerId, now);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId) || event.type === "pointercancel" || !this.swipe) return;
    const [x, y] = [event.clientX - this.start[0], event.clientY - this.start[1]];
    if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) this.swiped(x < 0 ? 1 : -1);
    else if (y > 2 * SWIPE && y > 2 * Math.abs(x)) this.swiped(0);
  }
}

function distance(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}
