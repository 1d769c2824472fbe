// The table of trials: sorted and filtered as the reader asked, also when new rows come in.
import {short} from "./charts.js";

const STEP = 200;
const STATES = ["complete", "pruned", "failed", "running"];

export class TrialTable {
  constructor(open) {
    this.open = open;
    this.rows = new Map();
    this.columns = [];
    this.lines = new Map();
    this.sorted = null;
    this.most = STEP;
    this.states = new Set();
    this.chosen = {};
    this.table = document.getElementById("trial-table");
    this.filter = document.getElementById("filter");
    this.filter.addEventListener("input", () => { this.most = STEP; this.draw(); });
    document.getElementById("more").addEventListener("click", () => { this.most += STEP; this.draw(); });
    for (const state of STATES) this.addStateButton(state);
  }

  addStateButton(state) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = state;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      if (!this.states.delete(state)) this.states.add(state);
      button.setAttribute("aria-pressed", String(this.states.has(state)));
      this.draw();
    });
    document.getElementById("states").append(button);
  }

  // Take in new rows; `whole`: they are all that there are.
  take({columns, rows}, whole, metric, mode) {
    if (whole) { this.rows.clear(); this.lines.clear(); this.table.tBodies[0].replaceChildren(); }
    for (const [key, row] of Object.entries(rows)) { this.rows.set(key, row); this.lines.delete(key); }
    if (String(columns) !== String(this.columns)) {
      this.columns = columns;
      this.lines.clear();
      this.drawHead(metric, mode);
    }
    this.draw();
  }

  drawHead(metric, mode) {
    this.numeric = new Set(this.columns.filter((name) => this.isNumeric(name)));
    if (!this.sorted || !this.columns.includes(this.sorted.name)) this.sorted = {name: metric, up: mode === "min"};
    this.table.tHead.rows[0].replaceChildren(...this.columns.map((name) => {
      const head = document.createElement("th");
      head.scope = "col";
      if (this.numeric.has(name)) head.className = "number";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => {
        this.sorted = {name, up: this.sorted.name === name ? !this.sorted.up : true};
        this.draw();
      });
      head.append(button);
      return head;
    }));
  }

  isNumeric(name) {
    const column = this.columns.indexOf(name);
    return [...this.rows.values()].some((row) => typeof row[column] === "number");
  }

  draw() {
    const column = this.columns.indexOf(this.sorted?.name);
    [...this.table.tHead.rows[0].cells].forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", this.sorted.up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const state = this.columns.indexOf("state");
    const found = [...this.rows].filter(([, row]) => {
      if (this.states.size && !this.states.has(row[state])) return false;
      if (!words.length) return true;
      const text = row.map(short).join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    found.sort(([, a], [, b]) => compare(a[column], b[column], this.sorted?.up));
    const shown = found.slice(0, this.most);
    this.table.tBodies[0].replaceChildren(...shown.map(([key, row]) => this.line(key, row)));
    document.getElementById("more").hidden = found.length <= shown.length;
    const cut = shown.length < found.length ? `, the first ${shown.length} shown` : "";
    document.getElementById("shown").textContent =
      found.length < this.rows.size || cut ? `${found.length} of ${this.rows.size} trials${cut}` : `${this.rows.size} trial${this.rows.size === 1 ? "" : "s"}`;
  }

  line(key, row) {
    let line = this.lines.get(key);
    if (!line) {
      line = document.createElement("tr");
      line.dataset.key = key;
      line.className = "clickable";
      line.append(...row.map((value, i) => this.cell(key, value, this.columns[i])));
      line.addEventListener("click", () => { if (!String(getSelection())) this.open(key); });
      this.lines.set(key, line);
    }
    line.classList.toggle("first", key === this.chosen.first);
    line.classList.toggle("second", key === this.chosen.second);
    return line;
  }

  cell(key, value, name) {
    const cell = document.createElement("td");
    if (name === "trial_id") {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "link";
      button.textContent = value;
      button.addEventListener("click", (event) => { event.stopPropagation(); this.open(key); });
      cell.append(button);
    } else if (name === "state") {
      const mark = document.createElement("i");
      mark.className = value;
      cell.className = "state";
      cell.append(mark, value);
    } else {
      cell.textContent = name === "train_seconds" && value !== null ? value.toFixed(1) : short(value);
      if (this.numeric.has(name)) cell.className = "number";
      else if (value) cell.title = value;
    }
    return cell;
  }

  choose(first, second) {
    this.chosen = {first, second};
    this.draw();
  }
}

// Numbers by size, texts by the alphabet, what is missing always last.
function compare(a, b, up) {
  const missing = (value) => value === null || value === undefined;
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const order = typeof a === "number" && typeof b === "number" ? a - b
    : typeof a === "number" ? -1 : typeof b === "number" ? 1
    : String(a).localeCompare(String(b), undefined, {numeric: true});
  return up ? order : -order;
}
