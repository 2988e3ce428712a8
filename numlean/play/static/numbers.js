// The view of numbers: bits as one stop of the Tab key, among which the arrow keys move.

import { LiveView } from "./live.js";

const view = new LiveView();
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

function prepare() {
  for (const group of document.querySelectorAll("[data-bits]")) {
    const bits = [...group.querySelectorAll(".bit")];
    const current = bits.find((bit) => bit === document.activeElement) ?? bits[0];
    for (const bit of bits) bit.tabIndex = bit === current ? 0 : -1;
  }
}

function moveTo(group, bit) {
  for (const each of group.querySelectorAll(".bit")) each.tabIndex = each === bit ? 0 : -1;
  bit.focus();
}

document.addEventListener("keydown", (event) => {
  const bit = event.target.closest?.(".bit");
  const group = bit?.closest("[data-bits]");
  if (!group || event.ctrlKey || event.metaKey || event.altKey) return;
  const bits = [...group.querySelectorAll(".bit")];
  const at = bits.indexOf(bit);
  const place = { Home: 0, End: bits.length - 1 }[event.key] ?? at + (STEPS[event.key] ?? 0);
  if (event.key === " ") {
    event.preventDefault();
    bit.click();
  } else if (event.key in STEPS || event.key === "Home" || event.key === "End") {
    event.preventDefault();
    if (bits[place]) moveTo(group, bits[place]);
  }
});

document.addEventListener("focusin", (event) => {
  const group = event.target.closest?.(".bit") && event.target.closest("[data-bits]");
  if (!group) return;
  for (const each of group.querySelectorAll(".bit")) each.tabIndex = each === event.target ? 0 : -1;
});

view.onUpdate = prepare;
prepare();
