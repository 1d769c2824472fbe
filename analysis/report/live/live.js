// Asks where the search stands and shows it; what was shown stays when the server is gone, and goes on when it is back.
import {axes, bar, cross, dot, limits, line, short, steps} from "./charts.js";
import {TrialTable} from "./table.js";
import {LookedInto} from "./trial.js";

const EVERY_MS = 1000, HIDDEN_MS = 5000, AGAIN_MS = 20000;
const by = (id) => document.getElementById(id);
const text = (id, words) => { if (by(id).textContent !== words) by(id).textContent = words; };

let token = "", state = null, heardAt = 0, timer = 0;
const looked = new LookedInto((keys) => { table.choose(...keys); drawCurves(); });
const open = (key) => looked.open(key);
const table = new TrialTable(open);

async function ask() {
  clearTimeout(timer);
  try {
    const answer = await fetch(`state?since=${encodeURIComponent(token)}`);
    if (answer.status === 200) await take(await answer.json());
    else if (answer.status !== 204) throw new Error((await answer.text()).trim());
    heardAt = Date.now();
    by("connection").className = "";
    text("connection", "");
  } catch (error) {
    const gone = error instanceof TypeError;  // What fetch raises where nobody answers.
    by("connection").className = "lost";
    const since = heardAt ? `What is shown is of ${new Date(heardAt).toLocaleTimeString()}. ` : "";
    text("connection", gone ? `The server of this page does not answer. ${since}It is asked again; python -m analysis.report RESULTS --serve starts it.` : `${since}${error.message}`);
  }
  timer = setTimeout(ask, document.hidden ? HIDDEN_MS : EVERY_MS);
}

async function take(news) {
  const first = state === null;
  state = news;
  token = news.token;
  state.receivedAt = Date.now();
  table.take(news.trials, news.whole, news.metric, news.mode);
  drawHead();
  drawNow();
  drawCharts();
  if (first) { table.choose(...looked.keys); addPictures(); }
  if (looked.keys.length) await looked.refresh(news.metric);
  else looked.searched = news.metric;
  await renew();
}

function running() { return state.experiments.some((one) => one.state === "running"); }

function drawHead() {
  const names = state.experiments.map((one) => one.name).join(", ");
  document.title = `${state.counts.complete + state.counts.pruned + state.counts.failed}${state.wanted ? `/${state.wanted}` : ""} ${names}`;
  text("name", names);
  text("question", state.experiments.map((one) => one.question).filter(Boolean).join(" "));
  const facts = state.experiments.map((one) => [
    `${state.experiments.length > 1 ? `${one.name}: ` : ""}${one.state}`, one.dataset && `data set ${one.dataset}`,
    one.sampler && `sampler ${one.sampler}`, one.stopping && `stopping ${one.stopping}`, one.address,
  ].filter(Boolean).join("; "));
  text("facts", [...facts, ...state.wrong].join(" · "));
}

function drawNow() {
  const {complete, pruned, failed, running: trained, begun, unfinished, repeats} = state.counts;
  const done = complete + pruned + failed;
  text("done", state.wanted ? `${done} of ${state.wanted}` : `${done}`);
  by("bar").max = state.wanted ?? Math.max(done, 1);
  by("bar").value = done;
  const told = [[complete, "complete"], [pruned, "pruned"], [failed, "failed"], [trained, "running"], [begun, "waiting or in the first epoch"], [unfinished, "not ended"], [repeats, "repeats"]];
  text("counts", told.filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(", ") || "none has begun");
  text("best-of", `Best ${state.metric} so far`);
  text("best", state.best ? short(state.best.value) : "–");
  const config = (found) => Object.entries(found).map(([name, value]) => `${name}=${value}`).join(", ");
  text("best-config", state.best ? `trial ${state.best.trial}${state.best.runs > 1 ? `, mean of ${state.best.runs} seeds` : ""}: ${config(state.best.config)}` : "no trial is complete yet");
  tick();
  by("workers-part").hidden = !state.workers.length;
  text("workers-metric", state.metric);
  by("workers").tBodies[0].replaceChildren(...state.workers.map((one) => {
    const row = document.createElement("tr");
    row.className = "clickable";
    row.addEventListener("click", () => open(one.key));
    const since = one.since ? span((Date.now() - state.receivedAt) / 1000 + state.now - Date.parse(one.since) / 1000) : "";
    for (const value of [one.worker ?? "begins", one.key, one.epochs, short(one.value), since, config(one.config)]) row.insertCell().textContent = value;
    for (const i of [2, 3, 4]) row.cells[i].className = "number";
    return row;
  }));
}

// Times go on between two answers.
function tick() {
  if (!state) return;
  const passed = running() && by("connection").className !== "lost" ? (Date.now() - state.receivedAt) / 1000 : 0;
  const {elapsed, left} = state.times;
  text("elapsed", elapsed === null ? "–" : span(elapsed + passed));
  const done = state.counts.complete + state.counts.pruned + state.counts.failed;
  const cut = state.experiments.some((one) => one.state === "cut off") && state.written;
  const ago = cut ? `; last written ${span(Math.max(0, state.now - state.written + (Date.now() - state.receivedAt) / 1000))} ago` : "";
  const told = !running() ? state.experiments.map((one) => one.state).join(", ") + ago
    : left === null ? "time left not known yet" : done >= state.wanted ? "repeats of the leading ones" : `about ${span(Math.max(0, left - passed))} left`;
  text("left", told);
}

function span(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const two = (value) => String(value).padStart(2, "0");
  return minutes < 60 ? `${minutes} min ${two(Math.round(seconds) % 60)} s` : `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

function drawCharts() {
  drawProgress();
  drawStopped();
  drawCurves();
}

function drawProgress() {
  const {progress, metric, mode} = state, svg = by("progress");
  svg.parentElement.classList.toggle("empty", !progress.count);
  if (!progress.count) return;
  text("progress-caption", `${metric} of each ended configuration, and the best of the complete ones so far`);
  const complete = progress.value.filter((value, i) => progress.state[i] === "complete");
  const ys = limits(complete.length > 2 ? complete : progress.value, mode);
  const xs = [1, Math.max(...progress.finished, 2)];
  const plot = axes(svg, {xs, ys, xlabel: "configurations ended"});
  progress.value.forEach((value, i) => {
    if (value === null) return;
    const inside = Math.min(Math.max(value, ys[0]), ys[1]);
    if (progress.state[i] === "complete") dot(plot, progress.finished[i], inside, "complete");
    else cross(plot, progress.finished[i], inside, progress.state[i]);
  });
  const names = progress.experiment;
  for (const name of new Set(names)) {
    const own = names.map((other, i) => i).filter((i) => names[i] === name);
    steps(plot, own.map((i) => progress.finished[i]), own.map((i) => progress.best[i]), "best");
  }
}

function drawStopped() {
  const {epoch, reached, pruned} = state.stopped, svg = by("stopped");
  svg.parentElement.classList.toggle("empty", epoch.length < 2);
  if (epoch.length < 2) return;
  const plot = axes(svg, {xs: [0.5, epoch.length + 0.5], ys: [0, Math.max(...reached, 1) * 1.04], xlabel: "epoch"});
  epoch.forEach((at, i) => {
    bar(plot, at, 0, reached[i], 0.8, "reached");
    if (pruned[i]) bar(plot, at, 0, pruned[i], 0.5, "pruned");
  });
}

function drawCurves() {
  if (!state) return;
  const svg = by("curve-chart"), of = state.curves.of, keys = Object.keys(of);
  svg.parentElement.classList.toggle("empty", !keys.length);
  if (!keys.length) return;
  const ends = keys.map((key) => of[key].value.at(-1) ?? null);
  const all = keys.flatMap((key) => of[key].value);
  const ys = limits(ends.length > 8 ? [...ends, ...all.filter((v) => v !== null && (state.mode === "max" ? v >= median(ends) : v <= median(ends)))] : all, state.mode, 0.15);
  const last = Math.max(...keys.map((key) => of[key].epoch.at(-1) ?? 1), 2);
  const plot = axes(svg, {xs: [1, last], ys, xlabel: "epoch"});
  const [first, second] = looked.keys, best = state.best?.key;
  const stateAt = table.columns.indexOf("state");
  const kind = (key) => key === first ? "first" : key === second ? "second" : key === best ? "best" : table.rows.get(key)?.[stateAt] ?? "pruned";
  const order = ["pruned", "failed", "complete", "running", "best", "second", "first"];
  const drawn = keys.map((key) => [key, kind(key)]).sort((a, b) => order.indexOf(a[1]) - order.indexOf(b[1]));
  for (const [key, name] of drawn) {
    const faint = keys.length > 30 && ["pruned", "complete", "failed"].includes(name) ? " faint" : "";
    line(plot, of[key].epoch, of[key].value, name + faint).dataset.key = key;
  }
  svg.plot = plot;
  const left = state.curves.left_out;
  text("curves-caption", `${state.metric} by epoch${left ? `: those that run, the best, and the ${keys.length} that ended last; ${left} others are not drawn` : ""}`);
  by("curves-key").replaceChildren(...["complete", "pruned", "failed", "running", "best"].filter((name) => drawn.some(([, other]) => other === name)).flatMap((name) => {
    const mark = document.createElement("i");
    mark.className = name;
    return [mark, name];
  }));
}

function median(values) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

// The curve that passes near a place of the screen.
function near(event) {
  const svg = by("curve-chart"), box = svg.getBoundingClientRect(), plot = svg.plot;
  if (!plot) return null;
  let found = null, least = 14;
  for (const [key, {epoch, value}] of Object.entries(state.curves.of)) {
    epoch.forEach((at, i) => {
      if (value[i] === null) return;
      const away = Math.hypot(plot.x(at) - (event.clientX - box.left), plot.y(value[i]) - (event.clientY - box.top));
      if (away < least) { least = away; found = {key, at, value: value[i]}; }
    });
  }
  return found;
}
by("curve-chart").addEventListener("click", (event) => { const found = near(event); if (found) open(found.key); });
by("curve-chart").addEventListener("mousemove", (event) => {
  const svg = by("curve-chart"), found = near(event);
  svg.classList.toggle("clickable", Boolean(found));
  svg.querySelector(".note")?.remove();
  if (!found) return;
  const plot = svg.plot, right = plot.x(found.at) > plot.width / 2;
  const note = document.createElementNS("http://www.w3.org/2000/svg", "text");
  note.setAttribute("class", "note");
  note.setAttribute("x", plot.x(found.at) + (right ? -8 : 8));
  note.setAttribute("y", Math.max(14, plot.y(found.value) - 8));
  note.setAttribute("text-anchor", right ? "end" : "start");
  note.textContent = `trial ${found.key}: ${short(found.value)} after epoch ${found.at}`;
  svg.append(note);
});

// What takes the server longer is asked for when it comes into view, and from then on now and then.
const inView = new Set(), asked = new Map();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) entry.isIntersecting ? inView.add(entry.target) : inView.delete(entry.target);
  renew();
}, {rootMargin: "200px"});
watcher.observe(by("words"));

function addPictures() {
  by("pictures").replaceChildren(...Object.entries(state.figures).map(([name, caption]) => {
    const figure = document.createElement("figure"), image = document.createElement("img"), told = document.createElement("figcaption");
    figure.id = `figure-${name}`;
    figure.dataset.kind = name;
    image.alt = caption;
    image.hidden = true;
    told.textContent = caption;
    figure.append(image, told);
    watcher.observe(figure);
    return figure;
  }));
}

let renewing = false;
async function renew() {
  if (renewing || !state) return;
  renewing = true;
  for (const target of [...inView]) {
    const before = asked.get(target);
    if (before && (before.token === token || (running() && Date.now() - before.at < AGAIN_MS))) continue;
    asked.set(target, {token, at: Date.now()});
    try { await (target.id === "words" ? renewWords() : renewPicture(target)); } catch { asked.delete(target); }
  }
  renewing = false;
}

async function renewWords() {
  const answer = await fetch("answer");
  if (!answer.ok) { by("words").replaceChildren(paragraph(await answer.text())); return; }
  by("words").replaceChildren(...(await answer.json()).flatMap(([heading, sentences]) => {
    const title = document.createElement("h3");
    title.textContent = heading;
    return [title, ...sentences.map(paragraph)];
  }));
}

async function renewPicture(figure) {
  const phone = matchMedia("(max-width: 40rem)").matches ? 1 : 0;
  const answer = await fetch(`figure?kind=${figure.dataset.kind}&phone=${phone}`);
  const image = figure.querySelector("img");
  if (!answer.ok) {
    figure.hidden = true;  // It may come later; until then the reason stands below.
    const why = by(`absent-${figure.dataset.kind}`) ?? by("absent").appendChild(Object.assign(paragraph(""), {id: `absent-${figure.dataset.kind}`}));
    why.textContent = `${image.alt}: ${await answer.text()}`;
    by("absent").hidden = false;
    return;
  }
  const before = image.src;
  image.src = URL.createObjectURL(await answer.blob());
  image.hidden = false;
  by(`absent-${figure.dataset.kind}`)?.remove();
  if (before) URL.revokeObjectURL(before);
}

function paragraph(words) {
  const made = document.createElement("p");
  made.textContent = words;
  return made;
}

addEventListener("resize", () => { if (state) { drawCharts(); looked.draw(); } });
document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
setInterval(tick, 1000);
ask();
