"use strict";
// The report's page: finds inputs, and shows one with the texts of two systems. What is shown of data and texts is
// always made by `element`, which knows no HTML.
const content = JSON.parse(document.getElementById("content").textContent);
const PAGE = 50; // inputs in the list at once

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

// Texts and what is searched in them

const joined = (pieces) => pieces.map((piece) => (typeof piece === "string" ? piece : piece[0])).join("");
const dataText = (item) => item.data.map(([tag, text]) => `${content.tags[tag] ?? ""} ${text}`).join(" ");
const listOf = (item, system) => item.lists[content.systems[system].list];
const chosen = (item, system) => listOf(item, system)[item.chosen[system]];
const beamsFirst = (item, system) => Math.max(0, listOf(item, system).findIndex((text) => text.complete !== false));
const moved = (item, system) =>
  joined(listOf(item, system)[beamsFirst(item, system)].pieces) !== joined(chosen(item, system).pieces);

for (const item of content.items) item.words = [item.id, dataText(item), ...item.references.map(joined)].join("\n").toLowerCase();

// Filters: what is asked of an input, by name

const byNumber = (one, other) => one.localeCompare(other, "en", { numeric: true });
const attributes = new Map(); // names are the data's own: "constructor" too
for (const item of content.items) {
  item.attributes = new Map(Object.entries(item.attributes));
  for (const [name, value] of item.attributes) attributes.set(name, (attributes.get(name) ?? new Set()).add(value));
}
for (const [name, values] of attributes) attributes.set(name, [...values].sort(byNumber));

const ERRORS = { none: "without slot errors", any: "with slot errors" };
for (const kind of ["missing", "wrong", "added", "repeated"]) ERRORS[kind] = `with a value ${kind}`;
const hasError = (text, asked) => {
  if (text.errors === null) return false; // not aligned
  return asked === "none" ? text.errors.length === 0 : text.errors.some(([kind]) => asked === "any" || kind === asked);
};

function tests() {
  const asked = Object.fromEntries(new FormData(form));
  const [a, b] = [Number(asked.a), Number(asked.b)];
  const words = asked.query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  if (words.length)
    found.push((item) => {
      const all = `${item.words}\n${joined(chosen(item, a).pieces)}\n${joined(chosen(item, b).pieces)}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
  if (asked.label) found.push((item) => chosen(item, a).label === asked.label);
  if (asked.errors) found.push((item) => hasError(chosen(item, a), asked.errors));
  if (asked.changed) found.push((item) => moved(item, a));
  if (asked.differ) found.push((item) => joined(chosen(item, a).pieces) !== joined(chosen(item, b).pieces));
  for (const [name, values] of attributes) {
    const number = asked[`attribute ${name}`];
    if (number) found.push((item) => item.attributes.get(name) === values[Number(number)]);
  }
  return found;
}

function choice(label, name, options, selected = "") {
  const made = options.map(([value, text]) => element("option", { value, textContent: text, selected: value === selected }));
  return element("label", {}, `${label} `, element("select", { name }, ...made));
}

const check = (label, name) => element("label", {}, element("input", { type: "checkbox", name }), ` ${label}`);

const form = document.getElementById("filters");
const systems = content.systems.map(({ name }, number) => [String(number), name]);
const somewhere = (known) => content.items.some((item) => content.systems.some((_, system) => known(chosen(item, system))));
form.append(
  element("label", { className: "query" }, "Search ", element("input", { type: "search", name: "query", placeholder: "words in data, texts and references" })),
  choice("System A", "a", systems, String(content.a)),
  choice("System B", "b", systems, String(content.b)),
);
if (somewhere((text) => text.label))
  form.append(choice("A's label", "label", [["", "any"], ...content.labels.map((label) => [label, label.replace("_", " ")])]));
if (somewhere((text) => text.errors)) form.append(choice("A's text", "errors", [["", "any"], ...Object.entries(ERRORS)]));
for (const [name, values] of attributes)
  form.append(choice(name, `attribute ${name}`, [["", "any"], ...values.map((value, number) => [String(number), value])]));
form.append(check("reranking changed A's first place", "changed"), check("A and B differ", "differ"));
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => search());

// The list of inputs

let found = [];
let begin = 0;
let opened = null;

function search() {
  const asked = tests();
  found = content.items.filter((item) => asked.every((test) => test(item)));
  begin = 0;
  document.getElementById("count").textContent = `${found.length} of ${content.items.length} inputs`;
  list();
  open(found.includes(opened) ? opened : (found[0] ?? null));
}

function list() {
  const a = Number(form.elements.a.value);
  const rows = found.slice(begin, begin + PAGE).map((item) => {
    const text = chosen(item, a);
    const button = element("button", { type: "button", onclick: () => visit(item) }, label(text), ` ${joined(text.pieces) || "(an empty text)"}`);
    button.dataset.id = item.id;
    return element("li", {}, button);
  });
  document.getElementById("inputs").replaceChildren(...rows);
  const turn = (text, to) => element("button", { type: "button", textContent: text, disabled: to < 0 || to >= found.length, onclick: () => { begin = to; list(); mark(); } });
  const last = Math.min(begin + PAGE, found.length);
  const shown = found.length > PAGE ? [turn("Before", begin - PAGE), ` ${begin + 1} to ${last} `, turn("After", begin + PAGE)] : [];
  document.getElementById("turn").replaceChildren(...shown);
}

function mark() {
  for (const button of document.querySelectorAll("#inputs button")) button.setAttribute("aria-current", String(button.dataset.id === opened?.id));
}

// One input

const label = (text) => (text.label ? element("span", { className: `label ${text.label}`, textContent: text.label.replace("_", " ") }) : "");

function shown(pieces) {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    const [text, kind, title] = piece;
    return element("mark", { className: kind, title, textContent: text });
  });
}

// The data by state; values that `missing` names underlined.
function data(item, missing = []) {
  return item.data.map(([tag, whole], number) => {
    const text = [...whole]; // places are of characters, of which some are two of JavaScript's
    const parts = [];
    let end = 0;
    for (const [, from, to] of missing.filter(([segment]) => segment === number).sort((one, other) => one[1] - other[1])) {
      if (from >= end) {
        const value = text.slice(from, to).join("");
        parts.push(text.slice(end, from).join(""), element("u", { textContent: value, title: "not said" }));
        end = to;
      }
    }
    const rest = text.slice(end).join("");
    if (tag < 0) return element("span", {}, ...parts, rest);
    const state = content.tags[tag];
    const segment = element("span", { className: "segment", title: `state ${state}` }, element("b", { textContent: state }), " ", ...parts, rest);
    segment.style.setProperty("--hue", String((tag * 137.5) % 360)); // the golden angle: neighbours differ
    return segment;
  });
}

function visit(item) {
  open(item);
  const place = document.getElementById("opened");
  if (place.getBoundingClientRect().top > innerHeight / 2) place.scrollIntoView(); // on a narrow screen it is below
}

function open(item) {
  opened = item;
  const place = document.getElementById("opened");
  if (!item) {
    place.replaceChildren(element("p", { textContent: "No input is like this." }));
    return;
  }
  const pair = [...new Set([Number(form.elements.a.value), Number(form.elements.b.value)])];
  const kinds = [...item.attributes].map(([name, value]) => `${name}: ${value}`);
  place.replaceChildren(
    element("h3", { textContent: item.id }),
    element("p", { textContent: kinds.join(" · ") }),
    element("h4", { textContent: "References" }),
    element("ul", { className: "texts references" }, ...item.references.map((text) => element("li", {}, ...shown(text)))),
    element("div", { className: "pair" }, ...pair.map((system) => column(item, system))),
  );
  mark();
}

function column(item, system) {
  const text = chosen(item, system);
  const first = beamsFirst(item, system);
  const place = item.chosen[system];
  const changed = moved(item, system) && element("p", { className: "moved", textContent: `Reranking put place ${place + 1} of the beam before place ${first + 1}.` });
  return element(
    "section",
    { className: "system", ariaLabel: content.systems[system].name },
    element("h4", { textContent: content.systems[system].name }),
    element("p", { className: "texts data" }, ...data(item, text.missing)),
    changed || "",
    element("ol", { className: "texts" }, ...listOf(item, system).map((each, number) => candidate(each, number === place))),
  );
}

function candidate(text, isChosen) {
  const known = [
    text.accurate === null ? null : `P(accurate): ${(100 * text.accurate).toFixed(1)} %`,
    text.logProbability === null ? null : `log-probability ${text.logProbability.toFixed(2)}`,
    text.complete === false ? "not finished at the longest length" : null,
  ].filter(Boolean);
  const errors = (text.errors ?? []).map(([kind, words]) => element("li", { className: kind, textContent: words }));
  return element(
    "li",
    { className: isChosen ? "chosen" : "" },
    element("div", { className: "text" }, ...(joined(text.pieces) ? shown(text.pieces) : [element("em", { textContent: "(an empty text)" })])),
    element("div", { className: "known" }, label(text), ` ${known.join(" · ")}`, isChosen ? element("strong", { textContent: " chosen" }) : ""),
    errors.length ? element("ul", { className: "errors" }, ...errors) : "",
  );
}

if (content.systems.length) search();
