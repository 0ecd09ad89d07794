// What HTML alone cannot do: drop a file and see how far it is, keys, a page that notices that the program is gone.
"use strict";

const one = (selector, from = document) => from.querySelector(selector);
const words = name => document.body.dataset[name] ?? "";

// Files: dropped anywhere on a page with a drop zone, sent as they are, with progress.
function send(zone, file) {
  const bar = one("progress", zone), told = one("[data-told]", zone), alert = one("[role=alert]", zone);
  alert.hidden = true;
  bar.hidden = told.hidden = false;
  told.textContent = file.name;
  const request = new XMLHttpRequest();
  request.open("POST", `${zone.dataset.upload}?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = event => {
    if (event.lengthComputable) bar.value = event.loaded / event.total;
    if (event.loaded === event.total) told.textContent = words("reading");
  };
  const failed = text => {
    bar.hidden = told.hidden = true;
    alert.textContent = text;
    alert.hidden = false;
    one("input[type=file]", zone).value = "";
  };
  request.onerror = () => failed(words("gone"));
  request.onload = () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* Told below. */ }
    if (request.status === 200 && answer.url) location.href = answer.url;
    else if (isOutlived(request.status)) failed(one("#outlived").textContent);
    else failed(answer.message ?? `${words("refused")} (${request.status})`);
  };
  request.send(file);
}

// A file of a tool is sent with its form, and comes back with what can be done with it.
function openFile(field) {
  const form = field.form, told = one("[data-told]", form), wanted = document.createElement("input");
  if (told) {
    told.textContent = words("reading");
    told.hidden = false;
  }
  Object.assign(wanted, { type: "hidden", name: "do", value: field.dataset.opens });
  form.append(wanted);
  // What else the form needs can be said when the file is here.
  form.noValidate = true;
  form.requestSubmit();
}

// Files that were dropped beside a field come into the first one that is empty; one that takes several takes all.
function fill(form, dropped) {
  const left = [...dropped];
  let filled = null;
  for (const field of form.querySelectorAll("input[type=file]")) {
    if (!left.length || (field.files.length && !field.multiple)) continue;
    const files = new DataTransfer();
    for (const file of left.splice(0, field.multiple ? left.length : 1)) files.items.add(file);
    field.files = files.files;
    filled ??= field;
  }
  filled?.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("change", event => {
  const zone = event.target.closest("[data-upload]");
  if (zone && event.target.type === "file" && event.target.files.length) {
    event.preventDefault();
    send(zone, event.target.files[0]);
  }
  if (event.target.matches("select[data-opens]") || (event.target.matches("[data-opens]") && event.target.files.length)) openFile(event.target);
  // Choices that redraw their page at once.
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
document.addEventListener("dragover", event => {
  const zone = one("[data-upload], [data-drop]");
  if (!zone || !event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  zone.classList.add("over");
});
document.addEventListener("dragleave", event => {
  if (!event.relatedTarget) one("[data-upload], [data-drop]")?.classList.remove("over");
});
document.addEventListener("drop", event => {
  const zone = one("[data-upload], [data-drop]");
  if (!zone || !event.dataTransfer.files.length) return;
  zone.classList.remove("over");
  // A field takes itself what is dropped on it.
  if (zone.matches("[data-drop]") && event.target.matches("input[type=file]")) return;
  event.preventDefault();
  if (zone.matches("[data-drop]")) fill(zone, event.dataTransfer.files);
  else send(zone, event.dataTransfer.files[0]);
});

// The preview's row, before anything asks for it.
document.addEventListener("click", event => {
  const step = event.target.closest?.("[data-step]")?.dataset.step;
  if (!step) return;
  const row = document.getElementById("row"), rows = Number(row.dataset.rows);
  const wanted = step === "random" ? 1 + Math.floor(Math.random() * rows) : Number(row.value) + Number(step);
  row.value = Math.max(1, Math.min(rows, wanted));
}, true);

// Buttons that do something on the page itself.
document.addEventListener("click", async event => {
  const button = event.target.closest("[data-copy], [data-insert], [data-open], [data-notify]");
  if (!button) return;
  if (button.dataset.copy) {
    await navigator.clipboard.writeText(one(button.dataset.copy).textContent);
    button.textContent = words("copied");
  } else if (button.dataset.insert) {
    const field = one(button.dataset.into);
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  } else if (button.dataset.open) {
    one(button.dataset.open).showModal();
  } else if (button.dataset.notify) {
    await Notification.requestPermission();
    button.hidden = true;
  }
});
document.addEventListener("submit", event => {
  const go = event.target.closest("form[data-go-row]");
  if (!go) return;
  const table = one("v-table"), row = Number(one("input", go).value);
  if (table && row) {
    event.preventDefault();
    table.goTo(row);
  }
});

// A form that is sent while it is being written counts what it sends: what was sent first may come last.
// Once it is sent as a whole, this page has said all it has to say.
let turn = 0, isSent = false;
document.addEventListener("submit", event => {
  if (!event.target.matches("form[data-turns]")) return;
  one("[name=turn]", event.target).value = ++turn;
  isSent = true;
});
document.addEventListener("htmx:config:request", event => {
  const { body } = event.detail.ctx.request;
  if (!body?.has("turn")) return;
  if (isSent) event.preventDefault();
  else body.set("turn", ++turn);
});
addEventListener("pageshow", () => { isSent = false; });

// Keys: single letters only while no field has the focus, and not when they are switched off.
let before = "";
document.addEventListener("keydown", event => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    one("[data-key='mod+Enter']")?.click();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.keys === "off") return;
  const isChoice = event.target.matches("[type=checkbox], [type=radio]") && event.key !== "Enter" && event.key !== " ";
  if (event.target.closest("input, textarea, select, dialog") && !isChoice) return;
  // Enter on a button or a link is a press of it, and nothing else.
  if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
  const key = before + event.key;
  before = event.key === "g" ? "g " : "";
  const target = one(`[data-key="${CSS.escape(key)}"]`) ?? one(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.matches("input, textarea, select")) target.focus();
  else if (target.matches("form")) (one("[aria-pressed=true]", target) ?? one("input:not([type=hidden]), textarea, select, button", target)).focus();
  else target.click();
});

// Enter in the name of a label leads to the next one, and after the last makes a new one.
document.addEventListener("keydown", event => {
  const next = event.target.dataset?.next;
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing || !next) return;
  event.preventDefault();
  const all = [...document.querySelectorAll(`[data-next="${CSS.escape(next)}"]`)];
  const following = all[all.indexOf(event.target) + 1], button = one(`button[value="${CSS.escape(next)}"]`);
  if (following) following.focus();
  else button.click();
});

// Each start of the program has its own address, and lets no page of an earlier one in.
const isOutlived = status => status === 401 || status === 421;

// Pages that change by themselves: the title tells it, and after three questions without an answer the page says so.
let misses = 0;
document.addEventListener("htmx:before:response", event => {
  const { request, response } = event.detail.ctx;
  if (isOutlived(response.status)) {
    event.preventDefault();
    gone().hidden = true;
    one("#outlived").hidden = false;
  } else if (response.status >= 400 && request.method === "GET") {
    // What went wrong is told by a whole page, and stands in the place of this one, not of the part that asked.
    event.preventDefault();
    response.raw.text().then(text => {
      const told = one("main", new DOMParser().parseFromString(text, "text/html"));
      if (told) one("main").replaceWith(told);
    });
  }
});
const gone = () => one("#gone");
document.addEventListener("htmx:after:request", event => {
  const status = event.detail?.ctx?.response?.raw?.status ?? event.detail?.ctx?.response?.status ?? 200;
  if (status < 500) {
    misses = 0;
    if (gone() && !gone().hidden) location.reload();
  }
});
document.addEventListener("htmx:error", () => {
  if (++misses >= 3 && gone() && one("#outlived").hidden) gone().hidden = false;
});
document.addEventListener("htmx:after:swap", () => told());

let lastState = "";
function told() {
  const state = one("[data-title]");
  if (!state) return;
  document.title = state.dataset.title;
  if (lastState && state.dataset.state !== lastState) {
    const live = one("#live");
    if (live) live.textContent = state.dataset.title;
    if (state.dataset.ended && document.hidden && "Notification" in window && Notification.permission === "granted") {
      new Notification(state.dataset.title);
    }
    // What the page is about is over: show all of it.
    if (state.dataset.ended) location.reload();
  }
  const quarter = Math.floor(Number(state.dataset.share ?? 0) * 4);
  if (quarter > Number(told.quarter ?? quarter)) one("#live").textContent = state.dataset.spoken;
  told.quarter = quarter;
  lastState = state.dataset.state;
}
told();
if ("Notification" in window && Notification.permission === "default") {
  for (const button of document.querySelectorAll("[data-notify]")) button.hidden = false;
}
// A link to the key of a provider that is not listed leads to the form for a new one.
{
  const wanted = one(`#key-provider option[value="${CSS.escape(location.hash.slice(1))}"]`);
  if (wanted) {
    wanted.selected = true;
    one("#add-key").open = true;
    one("#key-other").focus();
  }
}
// The answer to a form has an address of its own, so that a browser that comes back to it sends nothing again.
{
  const address = one("form[data-address]")?.dataset.address;
  if (address) history.replaceState(null, "", address);
}
// After a form with errors the summary has the focus.
one("[data-focus]")?.focus();
// After a small button the field that it was about has it, wherever it is folded away.
{
  const field = document.getElementById(location.hash.slice(1));
  if (field?.matches("#form :is(input, textarea, select, button)")) {
    for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    field.focus();
  }
}
