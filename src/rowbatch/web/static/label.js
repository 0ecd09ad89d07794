// The form of questions: labels come and go at once, and nothing that was written is lost on its way to the program.
"use strict";
{
const form = one("#form"), key = `rowbatch ${location.pathname}`;
// Changes that were made on this page; of these, so many the program has.
let edits = 0, kept = 0, last = "";
const sent = new WeakMap();

function content() {
  const fields = new FormData(form);
  for (const name of ["turn", "edits"]) fields.delete(name);
  return new URLSearchParams(fields).toString();
}
function written() {
  const fields = new FormData(form);
  fields.set("turn", ++turn);
  fields.set("edits", edits);
  return fields;
}
// What is sent of a page that is left may come in late: it takes the place of nothing that was written after it.
function leaving() {
  const fields = written();
  fields.set("left", "1");
  return fields;
}

// Until the program has it, what was written is in this tab too: a page may be left before it is sent. An address
// may hold a password, and is not kept here.
function noted() {
  const now = content();
  // A field that is left says what it said before.
  if (now === last) return;
  last = now;
  form.elements.edits.value = ++edits;
  const fields = leaving();
  fields.delete("base_url");
  try {
    sessionStorage.setItem(key, JSON.stringify(Array.from(fields)));
  } catch {
    // A tab has no room, or may not keep anything: then it is as it was without this.
  }
}
function known(count) {
  kept = Math.max(kept, count);
  if (kept === edits) sessionStorage.removeItem(key);
}

async function post(entries, keepalive = false) {
  const answer = await fetch(`${form.action.replace(/label$/, "written")}`, {
    method: "POST", body: new URLSearchParams(entries), keepalive,
  });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

form.elements.edits.value = "0";
last = content();
form.addEventListener("input", noted);
form.addEventListener("change", noted);
// A press of a button changes the form too; until the next page is there nothing more can be written.
form.addEventListener("submit", () => {
  form.elements.edits.value = ++edits;
  sessionStorage.removeItem(key);
  setTimeout(() => { form.inert = true; });
});
addEventListener("pageshow", () => { form.inert = false; });

// What a page had not sent when it was left. It may come in before this page was made, or after.
const left = sessionStorage.getItem(key);
if (left) {
  sessionStorage.removeItem(key);
  form.inert = true;
  post(JSON.parse(left)).then(told => {
    if (told.version !== Number(form.elements.version.value)) location.reload();
    else form.inert = false;
  }, () => { form.inert = false; });
}
addEventListener("pagehide", () => {
  if (edits > kept && !isSent) post(Array.from(leaving()), true).catch(() => {});
});
// Another form of the page works on what the program has: that is to be all of it.
document.addEventListener("submit", event => {
  const other = event.target, by = event.submitter;
  if (other === form || other.dataset.goes || !one("main").contains(other) || edits === kept) return;
  event.preventDefault();
  event.stopPropagation();
  other.dataset.goes = "1";
  const at = edits;
  post(Array.from(written())).then(() => known(at), () => {}).finally(() => {
    other.requestSubmit(by);
    delete other.dataset.goes;
  });
}, true);

// What asks for a part of the form is answered for the form as it was then. If more was written since, the answer
// would undo it: it is asked again.
const again = new WeakSet();
const isForm = context => ["question-fields", "model-fields"].includes(context.target?.id);
document.addEventListener("htmx:config:request", event => {
  const { ctx } = event.detail, { body } = ctx.request;
  if (!body?.has("edits")) return;
  body.set("edits", edits);
  sent.set(ctx, edits);
  if (again.delete(ctx.sourceElement)) body.set("do", "save");
});
document.addEventListener("htmx:before:swap", event => {
  const { ctx } = event.detail;
  if (!sent.has(ctx) || ctx.response.status >= 400) return;
  known(sent.get(ctx));
  if (sent.get(ctx) === edits || !isForm(ctx)) return;
  event.preventDefault();
  again.add(ctx.sourceElement);
  ctx.sourceElement.dispatchEvent(new Event("change"));
});
// The fields of another provider are empty from the start, and not only when its answer comes.
form.addEventListener("change", event => {
  if (event.target.id !== "provider") return;
  for (const name of ["model", "base_url"]) if (form.elements[name]) form.elements[name].value = "";
}, true);

// Labels: added, moved and removed here, under the names that the program would give them.
const most = 300;
form.addEventListener("click", event => {
  const button = event.target.closest("button[name=do]");
  const press = /^((?:q\d+\.)?)(add|up|down|remove)(?:\.(\d+))?$/.exec(button?.value ?? "");
  if (!press) return;
  const [, prefix, does, number] = press;
  const body = one(`table[aria-labelledby="${CSS.escape(`${prefix}codebook-title`)}"] tbody`, form);
  const rows = [...body.rows], row = rows[Number(number)];
  if (does === "add" ? rows.length >= most : !row) return;
  event.preventDefault();
  let goal = row;
  if (does === "add") body.append(goal = emptied(rows.at(-1).cloneNode(true)));
  else if (does === "up") row.previousElementSibling?.before(row);
  else if (does === "down") row.nextElementSibling?.after(row);
  else if (rows.length === 1) emptied(row);
  else {
    goal = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
  }
  [...body.rows].forEach((each, at) => renamed(each, prefix, at, body.rows.length));
  const field = one("input", goal);
  field.focus();
  field.dispatchEvent(new Event("change", { bubbles: true }));
});
function emptied(row) {
  for (const field of row.querySelectorAll("input, textarea")) {
    field.value = field.defaultValue = "";
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  for (const fault of row.querySelectorAll(".error")) fault.remove();
  one("details", row).open = false;
  return row;
}
function renamed(row, prefix, at, count) {
  const part = new RegExp(`^(fault-)?(${prefix.replace(".", "\\.")}(?:labels|up|down|remove)\\.)\\d+`);
  for (const element of row.querySelectorAll("[name], [id]")) {
    for (const name of ["id", "name", "value", "aria-describedby"]) {
      const said = element.getAttribute(name);
      if (said && (name !== "value" || element.matches("button"))) element.setAttribute(name, said.replace(part, `$1$2${at}`));
    }
    const label = element.getAttribute("aria-label");
    if (label) element.setAttribute("aria-label", label.replace(/\d+/, at + 1));
  }
  one("button[value*='up.']", row).disabled = at === 0;
  one("button[value*='down.']", row).disabled = at === count - 1;
}
}
