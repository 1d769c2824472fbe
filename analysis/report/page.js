"use strict";
// Tables sort by a click on a column's head and filter by words; without this script the page reads just as well.
for (const table of document.querySelectorAll("table.sorted")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => sort(table, body, heads, column));
  });
  const input = document.getElementById(table.dataset.filter);
  if (input) input.addEventListener("input", () => filter(table, body, input));
}

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent.trim();
}

// Numbers by size, texts by the alphabet, what is missing always last.
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return a.localeCompare(b, undefined, {numeric: true});
}

function sort(table, body, heads, column) {
  const up = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = [...body.rows].map((row) => [key(row, column), row]);
  const missing = rows.filter(([value]) => value === "–");
  const known = rows.filter(([value]) => value !== "–");
  known.sort(([a], [b]) => (up ? compare(a, b) : compare(b, a)));
  body.append(...known.map(([, row]) => row), ...missing.map(([, row]) => row));
}

function filter(table, body, input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let seen = 0;
  for (const row of body.rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    seen += row.hidden ? 0 : 1;
  }
  input.nextElementSibling.textContent = words.length ? `${seen} of ${body.rows.length} rows` : "";
}
