// Charts and tables of pages: readings, zoom, choices and sorting. A page is readable without it.

const MINUS = "\u2212";
const RAISED = "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";

function show(value) {
  if (value === null || value === undefined) return "none";
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e6)) return `${+value.toPrecision(5)}`.replace("-", MINUS);
  const [head, power] = value.toExponential(3).split("e");
  const raised = [...power.replace("+", "")].map((c) => RAISED["-0123456789".indexOf(c)]).join("");
  return `${`${+head}`.replace("-", MINUS)}\u00b710${raised}`;
}

function dataOf(box) {
  const block = box.querySelector(".data");
  return block ? JSON.parse(block.textContent) : null;
}

function make(name, attributes, text = "") {
  const made = document.createElementNS(document.querySelector("svg").namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function button(text, label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

function readingOf(box, text) {
  const output = document.createElement("output");
  output.className = "reading";
  output.textContent = text;
  box.append(output);
  return output;
}

// A box that the Tab key reaches, with a name.
function focusable(box) {
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", box.querySelector("svg").getAttribute("aria-label"));
}

function pointIn(svg, event) {
  const { left, top, width } = svg.getBoundingClientRect();
  const factor = svg.viewBox.baseVal.width / width;
  return { x: (event.clientX - left) * factor, y: (event.clientY - top) * factor };
}

class LineChart {
  constructor(box) {
    this.svg = box.querySelector("svg");
    Object.assign(this, dataOf(box));
    this.steps = [...new Set(this.curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
    if (!this.steps.length) return;
    this.whole = [this.steps[0], Math.max(this.steps.at(-1), this.steps[0] + 1)];
    this.range = this.whole;
    this.at = -1;
    focusable(box);
    const tools = document.createElement("span");
    tools.className = "tools";
    tools.append(
      button("+", "Zoom in", () => this.zoom(0.5)),
      button(MINUS, "Zoom out", () => this.zoom(2)),
      button("All", "Show all steps", () => this.setRange(this.whole)),
    );
    box.append(tools);
    this.output = readingOf(box, "Point at a step, or use the arrow keys; drag to zoom.");
    const place = { y1: this.box.top, y2: this.box.bottom, visibility: "hidden" };
    this.rule = make("line", { class: "rule", ...place });
    this.svg.append(this.rule);
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerdown", (event) => (this.from = pointIn(this.svg, event).x));
    this.svg.addEventListener("pointerup", (event) => this.drop(event));
    this.svg.addEventListener("dblclick", () => this.setRange(this.whole));
    box.addEventListener("keydown", (event) => this.key(event));
    this.height = this.svg.viewBox.baseVal.height;
    this.margin = this.svg.viewBox.baseVal.width - this.box.right;
    new ResizeObserver(() => this.fit(box.clientWidth)).observe(box);
  }

  // As wide as its place, with texts of one size everywhere.
  fit(width) {
    if (width < 100 || width === this.width) return;
    this.width = width;
    this.box.right = width - this.margin;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.querySelector(".x-label").setAttribute("x", this.box.right);
    this.draw();
    if (this.at >= 0) this.read(this.at);
  }

  x(step) {
    const [low, high] = this.range;
    return this.box.left + ((step - low) / (high - low)) * (this.box.right - this.box.left);
  }

  stepAt(x) {
    const [low, high] = this.range;
    return low + ((x - this.box.left) / (this.box.right - this.box.left)) * (high - low);
  }

  move(event) {
    const wanted = this.stepAt(pointIn(this.svg, event).x);
    let best = 0;
    this.steps.forEach((step, k) => {
      if (Math.abs(step - wanted) < Math.abs(this.steps[best] - wanted)) best = k;
    });
    this.read(best);
  }

  drop(event) {
    const [a, b] = [this.from, pointIn(this.svg, event).x].sort((one, other) => one - other);
    this.from = undefined;
    if (a !== undefined && b - a > 12) this.setRange([this.stepAt(a), this.stepAt(b)]);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10 }[event.key];
    const end = { Home: 0, End: this.steps.length - 1 }[event.key];
    const factor = { "+": 0.5, "-": 2 }[event.key];
    if (event.target.closest("button") || event.ctrlKey || event.metaKey) return;
    if (factor) this.zoom(factor);
    else if (step !== undefined || end !== undefined) this.read(end ?? this.at + step);
    else return;
    event.preventDefault();
  }

  read(at) {
    this.at = Math.min(Math.max(at, 0), this.steps.length - 1);
    const step = this.steps[this.at];
    const x = this.x(step);
    const isShown = x >= this.box.left && x <= this.box.right;
    this.rule.setAttribute("visibility", isShown ? "visible" : "hidden");
    this.rule.setAttribute("x1", x);
    this.rule.setAttribute("x2", x);
    const values = this.curves.map((curve) => {
      const place = curve.x.indexOf(step);
      if (place < 0) return null;
      const band = curve.low ? ` (${show(curve.low[place])} to ${show(curve.high[place])})` : "";
      return `${curve.name} ${show(curve.y[place])}${band}`;
    });
    this.output.textContent = `step ${step}: ${values.filter(Boolean).join(", ")}`;
  }

  zoom(factor) {
    const [low, high] = this.range;
    const middle = this.at >= 0 ? this.steps[this.at] : (low + high) / 2;
    const half = Math.max(((high - low) * factor) / 2, 1);
    this.setRange([middle - half, middle + half]);
  }

  setRange([low, high]) {
    const first = Math.max(low, this.whole[0]);
    const last = Math.min(high, this.whole[1]);
    if (last - first < 0.5) return;
    this.range = [first, last];
    this.draw();
  }

  draw() {
    const inside = (step) => step >= this.range[0] && step <= this.range[1];
    const has = (value) => value !== null && (value > 0 || !this.log);
    const values = this.curves.flatMap((curve) =>
      ["y", "low", "high"].flatMap((key) =>
        (curve[key] ?? []).filter((value, k) => inside(curve.x[k]) && has(value)),
      ),
    );
    if (!values.length) return;
    const of = this.log ? Math.log10 : (value) => value;
    let low = of(values.reduce((a, b) => Math.min(a, b)));
    let high = of(values.reduce((a, b) => Math.max(a, b)));
    const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.05;
    [low, high] = [low - room, high + room];
    const { top, bottom, left, right } = this.box;
    const y = (value) => bottom - ((of(value) - low) / (high - low)) * (bottom - top);
    const lines = this.svg.querySelectorAll(".curves path");
    const bands = this.svg.querySelectorAll(".bands path");
    let band = 0;
    this.curves.forEach((curve, k) => {
      let pen = "M";
      let d = "";
      const shown = curve.x.map((step, j) => j).filter((j) => inside(curve.x[j]));
      for (const j of shown) {
        if (!has(curve.y[j])) pen = "M";
        else {
          d += `${pen}${this.x(curve.x[j]).toFixed(1)} ${y(curve.y[j]).toFixed(1)}`;
          d += pen === "M" ? "h0" : "";
          pen = "L";
        }
      }
      lines[k].setAttribute("d", d);
      if (!curve.low) return;
      const both = shown.filter((j) => has(curve.low[j]) && has(curve.high[j]));
      const edge = (key) => (j) => `${this.x(curve.x[j]).toFixed(1)} ${y(curve[key][j]).toFixed(1)}`;
      const around = [...both.map(edge("high")), ...both.toReversed().map(edge("low"))];
      bands[band++]?.setAttribute("d", around.length ? `M${around.join("L")}Z` : "");
    });
    const axes = this.svg.querySelector(".axes");
    axes.replaceChildren(make("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
    for (const real of this.log ? this.powers(low, high) : this.roundNumbers(low, high, 5)) {
      const at = y(real);
      axes.append(make("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }));
      axes.append(make("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, show(real)));
    }
    for (const step of this.roundNumbers(...this.range, Math.max(2, Math.min(this.width / 90, 10)))) {
      if (!Number.isInteger(step)) continue;
      const at = this.x(step);
      axes.append(make("line", { class: "tick", x1: at, x2: at, y1: bottom, y2: bottom + 4 }));
      axes.append(make("text", { x: at, y: bottom + 17, "text-anchor": "middle" }, `${step}`));
    }
  }

  // Numbers between two powers of ten whose exponents are given.
  powers(low, high) {
    const first = Math.ceil(low);
    const last = Math.floor(high);
    if (last - first < 1) {
      const found = [1, 2, 5].flatMap((k) => [k * 10 ** (first - 1), k * 10 ** first, k * 10 ** last]);
      const inside = [...new Set(found)].filter((k) => Math.log10(k) >= low && Math.log10(k) <= high);
      return inside.length ? inside : [10 ** ((low + high) / 2)];
    }
    const gap = Math.max(Math.ceil((last - first + 1) / 5), 1);
    const found = [];
    for (let k = first; k <= last; k += gap) found.push(10 ** k);
    return found;
  }

  roundNumbers(low, high, count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
    return found;
  }
}

// Marks and bars that have a title: the nearest one is read.
class Marks {
  constructor(box) {
    this.marks = [...box.querySelectorAll("svg path")].filter((mark) => mark.firstElementChild);
    if (!this.marks.length) return;
    focusable(box);
    this.at = -1;
    this.output = readingOf(box, "Point at a mark, or use the arrow keys.");
    box.addEventListener("pointerover", (event) => {
      const at = this.marks.indexOf(event.target.closest("path"));
      if (at >= 0) this.read(at);
    });
    box.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.read(this.at + step);
    });
  }

  read(at) {
    this.marks[this.at]?.classList.remove("read");
    this.at = Math.min(Math.max(at, 0), this.marks.length - 1);
    this.marks[this.at].classList.add("read");
    this.output.textContent = this.marks[this.at].querySelector("title").textContent;
  }
}

class HeatMap {
  constructor(box) {
    this.root = box;
    this.svg = box.querySelector("svg");
    this.groups = [...this.svg.querySelectorAll("g.row")];
    if (!this.groups.length) return;
    this.figures = dataOf(box);
    [this.kind] = Object.keys(this.figures.kinds);
    this.place = { row: -1, column: -1 };
    this.order = this.groups.map((_, k) => k);
    focusable(box);
    const tools = document.createElement("span");
    tools.className = "tools";
    const names = Object.keys(this.figures.kinds);
    if (names.length > 1) tools.append(this.choice("Measure", names, (name) => this.setKind(name)));
    if (this.groups.length > 1) {
      const orders = ["as listed", "greatest first", "by name"];
      tools.append(this.choice("Order of rows", orders, (name) => this.sort(name)));
    }
    tools.append(button("Zoom", "Zoom the map", () => box.classList.toggle("zoomed")));
    box.prepend(tools);
    this.frame = make("rect", { class: "chosen", height: this.figures.row - 1 });
    this.svg.append(this.frame);
    this.output = readingOf(box, "Point at a cell, or use the arrow keys; Enter opens its row.");
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("click", (event) => {
      if (!event.target.closest("a")) this.open();
    });
    box.addEventListener("keydown", (event) => this.key(event));
  }

  choice(label, names, act) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", label);
    for (const name of names) select.append(new Option(name));
    select.addEventListener("change", () => act(select.value));
    return select;
  }

  point(event) {
    const { x, y } = pointIn(this.svg, event);
    const { label, row, width, columns } = this.figures;
    const place = Math.floor(y / row);
    const column = Math.floor((x - label) / width);
    if (place < 0 || place >= this.order.length || column < 0 || column >= columns.length) return;
    this.read(place, column);
  }

  read(place, column) {
    const { label, row, width, rows, columns, kinds } = this.figures;
    this.place = {
      row: Math.min(Math.max(place, 0), rows.length - 1),
      column: Math.min(Math.max(column, 0), columns.length - 1),
    };
    const k = this.order[this.place.row];
    this.frame.setAttribute("x", label + this.place.column * width);
    this.frame.setAttribute("y", this.place.row * row);
    this.frame.setAttribute("width", width);
    const kind = kinds[this.kind];
    const value = show(kind.cells[k][this.place.column]);
    this.output.textContent = `${rows[k]}, step ${columns[this.place.column]}: ${kind.name} ${value}`;
  }

  key(event) {
    if (event.target.closest("select, button, a")) return;
    const { row, column } = this.place;
    const moves = {
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
    };
    if (event.key === "Enter") this.open();
    else if (moves[event.key]) this.read(...moves[event.key]);
    else return;
    event.preventDefault();
  }

  open() {
    if (this.place.row < 0) return;
    const link = this.groups[this.order[this.place.row]].querySelector("a");
    if (!link) return;
    const step = this.figures.columns[this.place.column];
    const detail = { link: link.getAttribute("href"), step };
    const opened = new CustomEvent("open-cell", { bubbles: true, cancelable: true, detail });
    if (this.root.dispatchEvent(opened)) location.hash = detail.link.split("#")[1] ?? "";
  }

  setKind(name) {
    this.kind = name;
    const kind = this.figures.kinds[name];
    this.groups.forEach((group, k) => {
      group.querySelectorAll("rect").forEach((cell, j) => {
        const value = kind.cells[k][j];
        const level = kind.bounds.filter((bound) => value >= bound * kind.scale).length;
        const isNumber = typeof value === "number";
        const found = isNumber ? `level-${level}` : value === null ? "none" : "level-7";
        cell.setAttribute("class", found);
      });
    });
    const figure = this.root.closest("figure");
    figure.querySelector(".kind-name").textContent = kind.name;
    figure.querySelector(".kind-unit").textContent = kind.unit;
  }

  sort(name) {
    const { rows, kinds, row } = this.figures;
    const greatest = (k) =>
      Math.max(...kinds[this.kind].cells[k].map((value) => (typeof value === "string" ? Infinity : (value ?? -1))));
    const keys = rows.map((_, k) => greatest(k));
    this.order = rows.map((_, k) => k);
    if (name === "greatest first") this.order.sort((a, b) => keys[b] - keys[a] || a - b);
    if (name === "by name") this.order.sort((a, b) => rows[a].localeCompare(rows[b]));
    this.order.forEach((k, place) => {
      this.groups[k].setAttribute("transform", `translate(0 ${place * row})`);
    });
  }
}

function sortKey(text) {
  const plain = text
    .replaceAll(",", "")
    .replaceAll(MINUS, "-")
    .replace(/^\u25b2 /, "")
    .replace(/ %$/, "");
  const [, head, power] = plain.match(/^(.*?)(?:\u00b710(.+))?$/s);
  const exponent = power ? [...power].map((c) => "-0123456789"[RAISED.indexOf(c)]).join("") : "0";
  if (head === "\u2013" || head === "") return -Infinity;
  if (head === "NaN" || head === "\u221e") return Infinity;
  return head.trim() === "" || Number.isNaN(+head) ? null : +head * 10 ** +exponent;
}

class Table {
  constructor(box) {
    this.table = box.querySelector("table");
    this.body = this.table.querySelector("tbody");
    const heads = [...this.table.querySelectorAll("thead th")];
    this.classes = heads.map((head) => head.className);
    const long = dataOf(box);
    this.size = long?.shown ?? Infinity;
    if (long) {
      this.rows = long.rows.map((cells, k) => ({ cells, id: long.ids[k] ?? "" }));
    } else {
      this.rows = [...this.body.rows].map((row) => ({
        cells: [...row.cells].map((cell) => cell.textContent),
        id: row.id,
        element: row,
      }));
    }
    this.shown = this.rows;
    this.page = 0;
    if (this.rows.length > 1) heads.forEach((head, column) => this.makeSortable(head, column));
    if (long) this.addPages(box);
    if (long) addEventListener("hashchange", () => this.reveal());
    if (long) this.reveal();
  }

  makeSortable(head, column) {
    const text = head.textContent;
    const sorter = button(text, `Sort by ${text}`, () => {
      const down = head.getAttribute("aria-sort") === "descending";
      for (const each of this.table.querySelectorAll("thead th")) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      this.sort(column, down ? 1 : -1);
    });
    sorter.className = "sorter";
    head.replaceChildren(sorter);
  }

  sort(column, direction) {
    const keyed = this.shown.map((row) => ({ row, text: row.cells[column], key: sortKey(row.cells[column]) }));
    const numeric = keyed.every(({ key }) => key !== null);
    const compare = numeric
      ? (a, b) => (a.key === b.key ? 0 : a.key - b.key)
      : (a, b) => a.text.localeCompare(b.text);
    keyed.sort((a, b) => direction * compare(a, b));
    this.shown = keyed.map(({ row }) => row);
    this.page = 0;
    this.draw();
  }

  addPages(box) {
    const note = box.querySelector(".pages");
    this.count = document.createElement("span");
    this.count.setAttribute("role", "status");
    const find = document.createElement("input");
    find.type = "search";
    find.placeholder = "Find in all rows";
    find.setAttribute("aria-label", "Find in all rows");
    find.addEventListener("input", () => {
      const words = find.value.toLowerCase();
      this.shown = this.rows.filter(({ cells }) => cells.some((cell) => cell.toLowerCase().includes(words)));
      this.page = 0;
      this.draw();
    });
    note.replaceChildren(
      button("\u25c0", "Rows before", () => this.turn(-1)),
      this.count,
      button("\u25b6", "Rows after", () => this.turn(1)),
      find,
    );
    this.draw();
  }

  turn(by) {
    const last = Math.max(Math.ceil(this.shown.length / this.size) - 1, 0);
    this.page = Math.min(Math.max(this.page + by, 0), last);
    this.draw();
  }

  reveal() {
    const id = location.hash.slice(1);
    const at = id ? this.shown.findIndex((row) => row.id === id) : -1;
    if (at < 0) return;
    this.page = Math.floor(at / this.size);
    this.draw();
    document.getElementById(id)?.scrollIntoView({ block: "center" });
  }

  draw() {
    const first = this.size === Infinity ? 0 : this.page * this.size;
    const rows = this.shown.slice(first, first + this.size);
    this.body.replaceChildren(...rows.map((row) => (row.element ??= this.rowOf(row))));
    if (this.count) {
      const total = this.shown.length.toLocaleString("en");
      this.count.textContent = `rows ${rows.length ? first + 1 : 0} to ${first + rows.length} of ${total}`;
    }
  }

  rowOf({ cells, id }) {
    const row = document.createElement("tr");
    if (id) row.id = id;
    cells.forEach((cell, k) => {
      const made = row.insertCell();
      made.textContent = cell;
      made.className = this.classes[k] ?? "";
    });
    return row;
  }
}

const KINDS = { lines: LineChart, marks: Marks, map: HeatMap };

export function prepareCharts(root = document) {
  for (const box of root.querySelectorAll("[data-chart]:not([data-ready])")) {
    box.dataset.ready = "";
    new KINDS[box.dataset.chart](box);
  }
  for (const table of root.querySelectorAll(".table:not([data-ready])")) {
    table.dataset.ready = "";
    new Table(table);
  }
}

prepareCharts();

// A link to what a closed part of the page contains opens that part.
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  const closed = target && target.closest("details");
  if (!closed) return;
  closed.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", openTarget);
openTarget();
