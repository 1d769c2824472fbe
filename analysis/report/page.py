"""Builds the page: question, answer, figures, tables, manifest; everything escaped, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from importlib.resources import files

import pandas as pd

from analysis.figures import KINDS
from analysis.load import Results
from analysis.numbers.classes import best_predictions, per_class
from analysis.report.pictures import embedded, upright
from analysis.report.words import again, answer
from analysis.stored.manifest import moment
from analysis.stored.source import StoredExperiment
from analysis.tables import configuration_table, group_table, trial_table
from analysis.wording.formats import Table, as_html, cell
from search.errors import SearchError
from search.experiment.schema import shown

MOST_ROWS = 1000
"""Number of rows of one table in the page; a longer table is cut, and a sentence says so."""
MOST_GROUPS = 12
"""Number of values of a parameter up to which it has a table of its own."""


def page(results: Results, kinds: Sequence[str] = tuple(KINDS)) -> str:
    """Return the whole page as text, with figures of these kinds. Raises SearchError where no trial has finished."""
    results.complete()
    title = f"{results.names}: results"
    css, script = (files("analysis.report").joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    # Only this style and this script may run, and nothing may be loaded: a second guard besides the escaping.
    policy = f"default-src 'none'; img-src data:; style-src '{_digest(css)}'; script-src '{_digest(script)}'"
    sections = [_head(results), _answer(results), _figures(results, kinds), _tables(results), _provenance(results)]
    return "\n".join([
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{css}</style></head><body>",
        *sections,
        f"<script>{script}</script></body></html>\n",
    ])  # fmt: skip


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _paragraphs(sentences: list[str], css: str = "") -> str:
    return "".join(f"<p{css}>{html.escape(sentence)}</p>" for sentence in sentences)


def _head(results: Results) -> str:
    parts = [f"<header><h1>{html.escape(results.names)}</h1>"]
    for source in results.sources:
        question = source.manifest.question
        parts.append(_paragraphs([question] if question else []))
        parts.append(_paragraphs([_facts(source)], ' class="soft"'))
    links = ("answer", "figures", "tables", "provenance")
    parts.append("<nav>" + "".join(f'<a href="#{name}">{name.capitalize()}</a>' for name in links) + "</nav></header>")
    return "".join(parts)


def _facts(source: StoredExperiment) -> str:
    manifest, dataset = source.manifest, source.dataset
    begun = moment(manifest.created_at)
    words = [
        f"State: {manifest.state}",
        f"begun {f'{begun:%Y-%m-%d %H:%M} UTC' if begun else manifest.created_at}",
    ]
    if dataset:
        counts = {"train": dataset.num_train, "validation": dataset.num_validation, "test": dataset.num_test}
        sizes = ", ".join(f"{count:,} {split}" for split, count in counts.items() if count)
        words.append(f"data set {dataset.name} ({sizes})" if sizes else f"data set {dataset.name}")
    options = manifest.options
    words += [f"{name} {options[name]}" for name in ("sampler", "stopping", "seed") if options.get(name) is not None]
    return "; ".join(words) + "."


def _answer(results: Results) -> str:
    parts = [f"<h3>{html.escape(heading)}</h3>{_paragraphs(sentences)}" for heading, sentences in answer(results)]
    return f'<main><h2 id="answer">Answer</h2><div class="answer">{"".join(parts)}</div>'


def _figures(results: Results, kinds: Sequence[str]) -> str:
    parts, absent = [], []
    for name in kinds:
        kind = KINDS[name]
        try:
            data, mime = embedded(name, results)
        except SearchError as error:
            absent.append(f"{kind.caption}: {error}")
            continue
        caption = html.escape(kind.caption)
        source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
        standing = f"data:image/png;base64,{base64.b64encode(upright(name, results)).decode()}"
        parts.append(
            f'<figure id="{name}"><picture><source media="(max-width: 40rem)" srcset="{standing}">'
            f'<img alt="{caption}" src="{source}"></picture><figcaption>{caption}</figcaption></figure>'
        )
    if absent:
        parts.append(f"<details><summary>Figures without data</summary>{_paragraphs(absent)}</details>")
    return f'<h2 id="figures">Figures</h2>{"".join(parts)}'


def _tables(results: Results) -> str:
    parts = ['<h2 id="tables">Tables</h2>', _paragraphs(["A click on a column's head sorts by it."], ' class="soft"')]
    parts.append(_table("Configurations, best validation first", configuration_table(results), "configurations"))
    for name in results.varied:
        if results.trials[name].nunique(dropna=False) <= MOST_GROUPS:
            parts.append(_table(f"By {shown(name)}", group_table(results, [name]), f"by-{len(parts)}", filtered=False))
    try:
        predictions = best_predictions(results)
        told = f"Classes on the test set, {predictions.heading}"
        parts.append(_table(told, Table(per_class(predictions)), "classes", filtered=False))
    except SearchError:
        pass
    parts.append(_table("All trials", trial_table(results), "trials"))
    return "".join(parts)


def _table(title: str, table: Table, name: str, filtered: bool = True) -> str:
    """Return a heading, a filter and the table, without the rows beyond MOST_ROWS."""
    short = Table(table.frame.head(MOST_ROWS))
    body = as_html(short).replace("<table>", f'<table class="sorted" id="{name}" data-filter="filter-{name}">', 1)
    told = []
    if len(table.frame) > MOST_ROWS:
        told.append(f"The first {MOST_ROWS:,} of {len(table.frame):,} rows; analysis.compare --format csv writes all.")
    search = ""
    if filtered and len(short.frame) > 8:
        search = (
            f'<div class="filter"><label for="filter-{name}">Filter</label><input id="filter-{name}" type="search" '
            'placeholder="words, all must occur"><span class="soft"></span></div>'
        )
    return f'<h3>{html.escape(title)}</h3>{_paragraphs(told, " class=soft")}{search}<div class="wide">{body}</div>'


def _provenance(results: Results) -> str:
    parts = ['<h2 id="provenance">Provenance, and how to reproduce</h2>']
    for source in results.sources:
        parts.append(f"<h3>{html.escape(source.name)}</h3>")
        for title, command in again(source, results):
            parts.append(f'<p class="soft">{html.escape(title)}</p><pre>{html.escape(command)}</pre>')
        facts = pd.DataFrame(_entries(source), columns=["what", "value"])
        parts.append(f'<div class="wide">{as_html(Table(facts))}</div>')
        text = html.escape(json.dumps(source.manifest.stored, indent=2, default=str))
        parts.append(f"<details><summary>The whole manifest</summary><pre>{text}</pre></details>")
    return "".join(parts) + "</main>"


def _entries(source: StoredExperiment) -> list[tuple[str, str]]:
    """Return the manifest's facts that decide the results, one for each line."""
    manifest = source.manifest
    found = [("folder", source.address)]
    parts = {name: getattr(manifest, name) for name in ("versions", "hardware", "git", "options")}
    for part, entries in parts.items():
        if entries:
            told = ", ".join(
                f"{name} {cell(value)}" for name, value in entries.items() if value is not None and value != {}
            )
            found.append((part, told))
    found += [
        (f"space: {name}", getattr(source.space, name))
        for name in ("file", "sha256", "trainable")
        if getattr(source.space, name)
    ]
    fixed = source.space.fixed
    found.append(("fixed settings", ", ".join(f"{name}={value}" for name, value in fixed.items()) or "none"))
    found += [
        (f"data: {name}", getattr(source.dataset, name))
        for name in ("source", "fingerprint")
        if source.dataset and getattr(source.dataset, name)
    ]
    return found
