// SPDX-License-Identifier: Apache-2.0
// The table of runs. What is shown is all in the address of the page behind its `#`, so that a link leads to the same.
"use strict";
(() => {
  const PAGE = 100;
  const data = JSON.parse(document.getElementById("data").textContent);
  const { texts, shapes, verdicts, kinds } = data;
  const KEYS = ["q", "result", "verdict", "scenario", "kind"];
  const PASSED = 1, STAND_IN = 2, WAIVED = 4, NOT_SHOWN = 8;

  /** A run, as data.rs has put it. */
  function read(run) {
    const [scenario, variant, rest, seed, verdict, flags, policy, flush, command, shape, values, more] = run;
    const base = texts[scenario] + texts[variant];
    const hex = "0x" + seed.toString(16).padStart(8, "0");
    const figure = (name) => values[shapes[shape].findIndex((text) => texts[text] === name)] ?? 0;
    return {
      id: rest.startsWith("#") || rest.startsWith("@") ? base + rest : rest,
      scenario: texts[scenario], base, hex, flags, values, more: more || {},
      verdict: verdicts[verdict][0], look: verdicts[verdict][1], passed: (flags & PASSED) !== 0,
      policy: texts[policy], flush: texts[flush], shape: shapes[shape],
      command: texts[command].replaceAll("\u0001", hex),
      cycles: figure("cycles"), dma: figure("DMA transactions"),
      kinds: (more && more.kinds) || [],
    };
  }
  const runs = data.runs.map(read);
  const whole = new Map(runs.map((run) => [run.id, run]));
  /** What is searched of a run, made when it is asked for: most pages are opened without a search. */
  function searched(run) {
    run.text ??= [run.id, run.verdict, run.hex, ...run.kinds.map((kind) => kinds[kind][1])].join(" ").toLowerCase();
    return run.text;
  }

  /** An element. Text is put in as text: nothing of the data becomes markup. */
  function make(tag, attributes, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...inside.filter((one) => one !== undefined && one !== null));
    return element;
  }
  const number = (value) => value.toLocaleString("en-US");
  const badge = (words, look) => make("span", { class: "badge " + look }, words);

  // What the address says.
  function state() {
    const text = location.hash.slice(1);
    return text.includes("=") ? new URLSearchParams(text) : null;
  }
  let asked = new URLSearchParams();

  function address(change) {
    const next = new URLSearchParams(asked);
    for (const [key, value] of Object.entries(change)) {
      if (value === "" || value === null) next.delete(key); else next.set(key, value);
    }
    return "#" + (next.toString() || "runs=all");
  }
  function go(change, replace) {
    if (replace) history.replaceState(null, "", address(change)); else history.pushState(null, "", address(change));
    follow(false);
  }

  const RESULTS = {
    failed: (run) => !run.passed,
    passed: (run) => run.passed,
    "stand-in": (run) => run.flags & STAND_IN,
    waived: (run) => run.flags & WAIVED,
    "not-shown": (run) => run.flags & NOT_SHOWN,
  };
  const { compare } = new Intl.Collator("en", { numeric: true });
  const SORTS = {
    run: (a, b) => compare(a.id, b.id),
    verdict: (a, b) => compare(a.verdict, b.verdict),
    dma: (a, b) => a.dma - b.dma,
    cycles: (a, b) => a.cycles - b.cycles,
  };

  function chosen() {
    const words = (asked.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const result = RESULTS[asked.get("result")], verdict = asked.get("verdict"), scenario = asked.get("scenario");
    const kind = kinds.findIndex((one) => one[0] === asked.get("kind"));
    const found = runs.filter((run) =>
      (!result || result(run)) && (!verdict || run.verdict === verdict) &&
      (!scenario || run.scenario === scenario || run.base === scenario) &&
      (!asked.get("kind") || run.kinds.includes(kind)) && words.every((word) => searched(run).includes(word)));
    const [by, down] = (asked.get("sort") || "").split("-");
    if (SORTS[by]) found.sort(down ? (a, b) => SORTS[by](b, a) : SORTS[by]);
    return found;
  }

  const table = document.getElementById("table"), found = document.getElementById("found");
  const form = document.querySelector("form.filter");

  function head(key, words, numeric) {
    const [by, down] = (asked.get("sort") || "").split("-");
    const sorted = by === key ? (down ? "descending" : "ascending") : undefined;
    const mark = { ascending: " ▲", descending: " ▼" }[sorted] || "";
    const button = make("button", { type: "button", "data-sort": key }, words + mark);
    button.addEventListener("click", () => {
      go({ sort: by !== key ? key : down ? "" : key + "-down", page: "" });
      table.querySelector(`[data-sort="${key}"]`).focus();
    });
    return make("th", { scope: "col", role: "columnheader", class: numeric ? "number" : undefined, "aria-sort": sorted }, button);
  }

  function row(run, open) {
    const name = make("button", { type: "button", class: "open-run", "aria-expanded": String(open) }, run.id);
    name.addEventListener("click", () => {
      go({ run: open ? "" : run.id });
      const again = [...table.querySelectorAll(".open-run")].find((one) => one.textContent === run.id);
      if (again) again.focus();
    });
    // Why it failed; why one passed in which not all went right.
    const shown = run.kinds.length ? run.kinds.map((kind) => kinds[kind][1]).join("; ")
      : !run.passed ? said(run.more.why).join("; ")
      : run.more.waived ? "waived: " + run.more.waived.map(([text]) => texts[text]).join("; ")
      : said(run.more.not_shown).map((text) => "not shown: " + text).join("; ");
    return make("tr", { class: run.passed ? undefined : "failed", role: "row" },
      make("th", { scope: "row", role: "rowheader" }, name),
      make("td", { role: "cell" }, run.passed ? badge("passed", "good") : badge("failed", "bad")),
      make("td", { role: "cell" }, badge(run.verdict, run.look), run.flags & STAND_IN ? badge("not applicable", "none") : ""),
      make("td", { class: "number", role: "cell", "data-name": "DMA" }, number(run.dma)),
      make("td", { class: "number", role: "cell", "data-name": "Cycles" }, number(run.cycles)),
      make("td", { role: "cell" }, shown));
  }

  function command(text) {
    const copy = make("button", { type: "button", class: "copy" }, "Copy");
    return make("div", { class: "command" }, make("code", {}, text), copy);
  }
  function list(title, lines) {
    return lines && lines.length ? [make("h4", {}, title), ...lines.map((line) => make("p", { class: "reason" }, line))] : [];
  }
  const said = (numbers) => (numbers || []).map((text) => texts[text]);

  function evidence([text, cycle, place]) {
    const kept = place === null ? null
      : place < 0 ? document.querySelector("#" + CSS.escape(kinds[-1 - place][0]) + " .finding")
      : document.getElementById("finding-" + place).content.firstElementChild;
    if (kept) return kept.cloneNode(true);
    return make("p", {}, `In cycle ${number(cycle)}: ${texts[text]}. The evidence has no room in this page: the command above shows it.`);
  }

  function details(run) {
    const { more } = run;
    const link = make("a", { href: "#run=" + encodeURIComponent(run.id) }, "Link to this run");
    const counts = run.shape.map((name, at) =>
      make("div", {}, make("dt", {}, texts[name]), make("dd", {}, number(run.values[at]))));
    const waived = (more.waived || []).map(([text, times, cycle]) => `${number(times)} times from cycle ${number(cycle)} on: ${texts[text]}`);
    const of = run.kinds.map((kind) => make("a", { href: "#" + kinds[kind][0] }, kinds[kind][1]));
    return make("tr", { class: "details", role: "row" }, make("td", { colspan: 6, role: "cell" },
      make("p", {}, `Seed ${run.hex}, policy ${run.policy}, flush ${run.flush}. `, link),
      more.lacks && make("p", {}, "Not applicable: the device lacks " + said(more.lacks).join(", ") + "; the model played in its place."),
      command(run.command),
      ...list("Why it failed", said(more.why)),
      ...(of.length ? [make("h4", {}, "Kinds of failure"), make("ul", {}, ...of.map((one) => make("li", {}, one)))] : []),
      ...(more.found ? [make("h4", {}, "What was found"), ...more.found.map(evidence)] : []),
      ...list("Waived", waived),
      ...list("Not shown, perhaps since something is waived", said(more.excused)),
      ...list("Not shown, since the device kept no stale value", said(more.not_shown)),
      ...list("Noticed", said(more.noticed)),
      make("h4", {}, "Figures"), make("dl", { class: "counts" }, ...counts)));
  }

  function render() {
    const all = chosen(), open = whole.get(asked.get("run"));
    const pages = Math.max(1, Math.ceil(all.length / PAGE));
    let page = Math.min(pages, Math.max(1, Number(asked.get("page")) || 1));
    const at = open ? all.indexOf(open) : -1;
    if (at >= 0 && !asked.get("page")) page = 1 + Math.floor(at / PAGE);
    const some = all.slice((page - 1) * PAGE, page * PAGE);
    found.textContent = all.length === runs.length ? `${number(all.length)} runs` : `${number(all.length)} of ${number(runs.length)} runs`;
    if (pages > 1) found.textContent += `, page ${page} of ${pages}`;
    // The roles stay where a narrow screen makes cards of the rows.
    const body = make("tbody", { role: "rowgroup" });
    // A link to a run shows it, whatever the filter says.
    if (open && at < 0) body.append(row(open, true), details(open));
    for (const run of some) {
      body.append(row(run, run === open));
      if (run === open) body.append(details(run));
    }
    const heads = make("tr", { role: "row" }, head("run", "Run"), make("th", { scope: "col", role: "columnheader" }, "Result"), head("verdict", "Verdict"),
      head("dma", "DMA", true), head("cycles", "Cycles", true), make("th", { scope: "col", role: "columnheader" }, "What it showed"));
    const turn = (words, to) => {
      const button = make("button", { type: "button", disabled: to < 1 || to > pages }, words);
      button.addEventListener("click", () => go({ page: String(to), run: "" }));
      return button;
    };
    table.replaceChildren(
      make("div", { class: "runs-table" }, make("table", { role: "table" },
        make("caption", {}, "A name opens what is known of the run"), make("thead", { role: "rowgroup" }, heads), body)),
      pages > 1 ? make("div", { class: "pages" }, turn("Previous page", page - 1), `${page} of ${pages}`, turn("Next page", page + 1)) : "");
    table.querySelectorAll(".copy").forEach((button) => { button.hidden = false; });
  }

  /** Shows what the address says. */
  function follow(scroll) {
    const next = state();
    if (next) {
      asked = next;
      for (const key of KEYS) form.elements[key].value = asked.get(key) || "";
      const scenario = asked.get("scenario");
      if (scenario && form.elements.scenario.value !== scenario) {
        // A variant: one that nobody can choose from the list.
        form.elements.scenario.append(make("option", { value: scenario }, scenario));
        form.elements.scenario.value = scenario;
      }
      render();
      if (scroll) (table.querySelector("tr.details")?.previousElementSibling || document.getElementById("runs")).scrollIntoView();
      return;
    }
    const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
    if (target instanceof HTMLDetailsElement) target.open = true;
    if (target && scroll) target.scrollIntoView();
  }

  for (const name of [...new Set(runs.map((run) => run.scenario))].sort()) {
    form.elements.scenario.append(make("option", { value: name }, name));
  }
  for (const [name, words] of kinds) form.elements.kind.append(make("option", { value: name }, words));
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    go({ [event.target.name]: event.target.value, page: "", run: "" }, event.target.name === "q");
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    go(Object.fromEntries([...KEYS, "page", "run", "sort"].map((key) => [key, ""])));
    form.elements.q.focus();
  });

  addEventListener("hashchange", () => follow(true));
  addEventListener("popstate", () => follow(true));
  render();
  follow(true);
})();
