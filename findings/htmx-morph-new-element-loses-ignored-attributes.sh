#!/usr/bin/env bash
# htmx 4.0.1 in jsdom 26.1.0, Node 18 or newer, Linux, 2026-11-29 (seen in Chromium first)
#
# `morphIgnore` names attributes that a morph leaves alone, as `open` of <details>, which a reader opened or shut.
# An answer brings a new <details open> in which something has an id that the page has already.
#
# Expected: there was no such <details>, so nothing of it can be left alone: it comes as the answer has it, open.
# Seen:     it comes without `open`. Where nothing in it has an id that is on the page, it comes with it: a whole
#           element is then put in as it is, otherwise an empty one is made, and the attributes are copied as for
#           an element that was there. So does every attribute that begins like one that is ignored.
# Who meets it: who wraps a part of a page in a new element by a morph, and keeps an attribute of readers.
# Remedy:   set the attribute after the swap, or give what is inside another id.
#
# Exits with 1 when this is no longer so. It needs node and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts htmx.org@4.0.1 jsdom@26.1.0
cat > seen.cjs <<'JS'
const { readFileSync } = require("fs");
const { JSDOM } = require("jsdom");
const htmx = readFileSync("node_modules/htmx.org/dist/htmx.js", "utf8");

async function morphed(ignored, answer) {
  const meta = JSON.stringify({ history: false, morphIgnore: ignored });
  const page = `<!doctype html><head><meta name="htmx-config" content='${meta}'></head>` +
    `<body><div id="box"><p id="known">before</p></div></body>`;
  const { window } = new JSDOM(page, { runScripts: "outside-only", url: "http://localhost/" });
  // What browsers have and jsdom has not: a type of result by default, and CSS.escape.
  const make = window.XPathEvaluator.prototype.createExpression;
  window.XPathEvaluator.prototype.createExpression = function (...said) {
    const made = make.apply(this, said), evaluate = made.evaluate;
    made.evaluate = (node, type = 0, result = null) => evaluate.call(made, node, type, result);
    return made;
  };
  window.CSS = { escape: text => text };
  window.eval(htmx);
  await new Promise(done => window.setTimeout(done, 50));
  const target = window.document.getElementById("box");
  await window.htmx.swap({ text: `<div id="box">${answer}</div>`, target, swap: "outerMorph",
    sourceElement: window.document.body });
  return window.document.querySelector("details").hasAttribute("open");
}

(async () => {
  const other = '<details open><p id="other">after</p></details>';
  const known = '<details open><p id="known">after</p></details>';
  const seen = {
    "nothing ignored, with a known id": await morphed([], known),
    "open ignored, with another id": await morphed(["open"], other),
    "open ignored, with a known id": await morphed(["open"], known),
  };
  for (const [what, isOpen] of Object.entries(seen)) console.log(`${what}: ${isOpen ? "open" : "shut"}`);
  process.exit(JSON.stringify(Object.values(seen)) === "[true,true,false]" ? 0 : 1);
})();
JS
if node seen.cjs; then echo "As described."; else echo "This is no longer so." >&2; exit 1; fi
