// The view of formats: the number nearest to the pointer, or that the arrow keys reach.

import { LiveView } from "./live.js";

const view = new LiveView();

class NumberLine {
  constructor(box) {
    this.figure = box.querySelector("svg");
    this.marks = [...box.querySelectorAll(".mark, rect")];
    if (!this.marks.length) return;
    this.output = document.createElement("output");
    this.output.className = "reading";
    this.output.textContent = "Point at a number, or focus the line and use the arrow keys.";
    box.append(this.output);
    this.index = -1;
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", this.figure.getAttribute("aria-label"));
    box.addEventListener("pointermove", (event) => this.read(this.nearest(event.clientX)));
    box.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 16, PageDown: -16 }[event.key];
      const end = { Home: 0, End: this.marks.length - 1 }[event.key];
      if (step === undefined && end === undefined) return;
      event.preventDefault();
      this.read(end ?? this.index + step);
    });
  }

  nearest(x) {
    let best = 0;
    let least = Infinity;
    this.marks.forEach((mark, index) => {
      const { left, right } = mark.getBoundingClientRect();
      const distance = Math.max(left - x, x - right, 0);
      if (distance < least) [best, least] = [index, distance];
    });
    return best;
  }

  read(index) {
    this.marks[this.index]?.classList.remove("read");
    this.index = Math.min(Math.max(index, 0), this.marks.length - 1);
    const mark = this.marks[this.index];
    mark.classList.add("read");
    this.output.textContent = mark.querySelector("title").textContent;
  }
}

function prepare() {
  for (const box of document.querySelectorAll("[data-line]")) new NumberLine(box);
}

view.onUpdate = prepare;
prepare();
