// The view of runs: losses while they run, charts, and tables that are dropped on the page.

import { LiveView } from "./live.js";
import { prepareCharts } from "./page.js";

const WAIT = 1000; // milliseconds between two looks at runs that go on

const view = new LiveView();
view.onUpdate = prepareCharts;

function here() {
  return location.pathname + location.search;
}

function isBusy() {
  const chart = "#result [data-chart]:hover, #result [data-chart]:focus-within";
  return document.hidden || document.querySelector(chart);
}

setInterval(() => {
  const result = document.getElementById("result");
  if (result?.dataset.active === undefined || isBusy()) return;
  view.go(here(), { typed: true, focus: document.activeElement?.closest("#result [id]")?.id });
}, WAIT);

document.addEventListener("open-cell", (event) => {
  event.preventDefault();
  const address = new URL(event.detail.link, location.href);
  address.searchParams.set("step", event.detail.step);
  view.go(address.pathname + address.search, { focus: "detail" });
});

const form = document.querySelector("form.start");

async function bring(file) {
  view.say(`Copying ${file.name} into the folder of runs ...`);
  try {
    const address = `/runs/table?${new URLSearchParams({ name: file.name })}`;
    const response = await fetch(address, { method: "POST", body: file });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    document.getElementById("data").value = text;
    document.getElementById("task").value = "table";
    document.getElementById("target").focus();
    view.say("");
  } catch (error) {
    view.say(error.message);
  }
}

if (form) {
  const area = document.documentElement;
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  area.addEventListener("dragleave", () => form.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) bring(file);
  });
}
