// One trial looked into, or two side by side: curve, settings, what was measured, output, error.
import {axes, element, limits, line, short} from "./charts.js";

export class LookedInto {
  constructor(changed) {
    this.changed = changed;  // Called with the keys that are shown.
    this.part = document.getElementById("looked-into");
    this.keys = [];
    this.found = new Map();
    this.beside = false;
    this.metric = null;
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const name of ["trial", "beside"]) if (asked.get(name)) this.keys.push(asked.get(name));
  }

  // A click on a trial: it is shown instead of the one before, or beside it where that was asked for.
  open(key) {
    if (this.keys.includes(key)) { this.beside = false; this.show(); return; }
    this.keys = this.beside && this.keys.length ? [this.keys[0], key] : [key];
    this.beside = false;
    this.show(true);
  }

  close(key) {
    this.keys = this.keys.filter((other) => other !== key);
    this.show();
  }

  async show(scroll = false) {
    const words = new URLSearchParams();
    if (this.keys[0]) words.set("trial", this.keys[0]);
    if (this.keys[1]) words.set("beside", this.keys[1]);
    if (this.keys.length || location.hash.startsWith("#trial=")) history.replaceState(null, "", this.keys.length ? `#${words}` : location.pathname);
    this.changed(this.keys);
    await this.refresh();
    if (scroll) this.part.scrollIntoView({block: "nearest", behavior: "smooth"});
  }

  async refresh(metric) {
    this.metric ??= metric;
    if (metric) this.searched = metric;
    for (const key of this.keys) {
      const answer = await fetch(`trial?key=${encodeURIComponent(key)}`);
      if (answer.ok) this.found.set(key, await answer.json());
      else this.keys = this.keys.filter((other) => other !== key);
    }
    this.draw();
  }

  draw() {
    const trials = this.keys.map((key) => this.found.get(key)).filter(Boolean);
    this.part.hidden = !trials.length;
    if (!trials.length) return;
    const opened = new Map([...this.part.querySelectorAll("pre")].map((pre) => [pre.dataset.key, pre.scrollTop]));
    this.part.replaceChildren(this.head(trials), ...this.chart(trials), ...this.tables(trials), this.outputs(trials));
    for (const pre of this.part.querySelectorAll("pre")) pre.scrollTop = opened.get(pre.dataset.key) ?? 0;
    this.drawChart(trials);
  }

  head(trials) {
    const head = document.createElement("header");
    trials.forEach((trial, i) => {
      const title = document.createElement("h3");
      const mark = document.createElement("i");
      mark.className = i ? "second" : "first";
      title.className = "key";
      title.append(mark, `Trial ${trial.key}, ${trial.state} `, button("Close", () => this.close(trial.key)));
      head.append(title);
    });
    if (trials.length === 1) {
      const beside = button(this.beside ? "Click on the other trial" : "Put another beside it", () => { this.beside = !this.beside; this.draw(); });
      beside.id = "beside";
      beside.setAttribute("aria-pressed", String(this.beside));
      head.append(beside);
    }
    return head;
  }

  names(trials) {
    const all = trials.flatMap((trial) => Object.keys(trial.epochs));
    return [...new Set(all)].filter((name) => !["epoch", "stage"].includes(name));
  }

  chart(trials) {
    const names = this.names(trials);
    if (!names.length) return [paragraph("No epoch has come in yet.")];
    if (!names.includes(this.metric)) this.metric = names.includes(this.searched) ? this.searched : names[0];
    const choice = document.createElement("select");
    choice.append(...names.map((name) => new Option(name, name, false, name === this.metric)));
    choice.addEventListener("change", () => { this.metric = choice.value; this.draw(); });
    const label = document.createElement("label");
    label.append("Curve of ", choice, this.training(names) ? `; dashed: ${this.training(names)}` : "");
    label.className = "soft";
    const svg = element("svg", {class: "chart", id: "trial-chart"});
    return [label, svg];
  }

  // The metric on the training images that belongs to one on the validation images.
  training(names) {
    const other = this.metric?.startsWith("val_") ? this.metric.slice(4) : null;
    return names.includes(other) ? other : null;
  }

  drawChart(trials) {
    const svg = document.getElementById("trial-chart");
    if (!svg) return;
    const other = this.training(this.names(trials));
    const drawn = trials.map((trial) => [trial.epochs.epoch ?? [], trial.epochs[this.metric] ?? [], other ? trial.epochs[other] ?? [] : []]);
    const values = drawn.flatMap(([, values, training]) => [...values, ...training]);
    const ys = limits(values, "none");
    if (!ys) return;
    const last = Math.max(...drawn.flatMap(([epochs]) => epochs), 2);
    const plot = axes(svg, {xs: [1, last], ys, xlabel: "epoch"});
    drawn.forEach(([epochs, values, training], i) => {
      const kind = i ? "second" : "first";
      if (training.length) line(plot, epochs, training, `${kind} dashed`);
      line(plot, epochs, values, kind);
    });
  }

  tables(trials) {
    return [["Settings", "settings"], ["Measured", "measured"]].map(([title, part]) => {
      const names = [...new Set(trials.flatMap((trial) => Object.keys(trial[part])))];
      const table = document.createElement("table");
      table.id = part;
      const caption = table.createTHead().insertRow();
      for (const text of [title, ...trials.map((trial) => trial.key)]) {
        const head = document.createElement("th");
        head.textContent = text;
        caption.append(head);
      }
      const body = table.createTBody();
      for (const name of names) {
        const row = body.insertRow();
        row.insertCell().textContent = name;
        for (const trial of trials) row.insertCell().textContent = told(name, trial[part][name]);
        if (part === "settings" && trials.length > 1 && trials[0][part][name] !== trials[1][part][name]) row.className = "differs";
      }
      const frame = document.createElement("div");
      frame.className = "wide";
      frame.append(table);
      return frame;
    });
  }

  outputs(trials) {
    const all = document.createElement("div");
    all.className = "outputs";
    for (const trial of trials) {
      const one = document.createElement("div");
      if (trial.error) {
        const error = paragraph(`Trial ${trial.key} failed: ${trial.error}`);
        error.className = "error";
        one.append(error);
      }
      if (trial.output) {
        const text = document.createElement("pre");
        text.dataset.key = trial.key;
        text.textContent = trial.output;
        one.append(paragraph(`Output of trial ${trial.key}`), text);
      } else one.append(paragraph(trial.state === "running" ? "Its output is stored when it has ended." : `Trial ${trial.key} printed nothing.`));
      all.append(one);
    }
    return all;
  }
}

// A time in the reader's own zone; anything else as in the table.
function told(name, value) {
  return name.endsWith("_at") && value ? new Date(value).toLocaleString() : short(value);
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

function paragraph(text) {
  const made = document.createElement("p");
  made.className = "soft";
  made.textContent = text;
  return made;
}
