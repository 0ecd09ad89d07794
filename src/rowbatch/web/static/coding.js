// The coding screen: a press is sent, and the next text stands there when it is on the disk. Without this file the
// same forms do it, a page each.
"use strict";
{
  const find = (selector, from = document) => from.querySelector(selector);
  const screen = () => find("[data-coding]");
  // Nobody can have read a text so soon: such a press was meant for the one before.
  const TOO_SOON_MS = 200;
  const FIELD = "input:not([type=checkbox]), textarea, select, dialog";
  let isBusy = false, shownAt = 0, seen = 0, words = null;

  function begin() {
    shownAt = performance.now();
    seen = document.hidden ? NaN : shownAt;
    before = 0;
    take.last = "";
    words = null;
    const key = find("[name=key]", screen())?.value, variable = find("[name=variable]", screen())?.value;
    for (const field of screen().querySelectorAll("[data-field], [data-note]")) {
      field.dataset.draft = [location.pathname, key, field.matches("[data-note]") ? "" : variable].join("\n");
      const kept = sessionStorage.getItem(field.dataset.draft);
      if (kept && !field.value) field.value = kept;
    }
    const isTouch = matchMedia("(pointer: coarse)").matches;
    const start = (!isTouch && (find("[data-select]") ?? find("[data-field]"))) || find("[data-start]");
    start?.focus({ preventScroll: true });
  }

  // How long the text was before somebody's eyes.
  let before = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) before += performance.now() - seen || 0;
    seen = document.hidden ? NaN : performance.now();
  });

  // What is being written is kept until it is saved, should the page go.
  document.addEventListener("input", event => {
    const { draft } = event.target.dataset;
    if (draft) sessionStorage.setItem(draft, event.target.value);
  });

  document.addEventListener("submit", async event => {
    const form = event.target;
    if (!screen()?.contains(form) || form.method !== "post") return;
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    if (body.has("seconds")) body.set("seconds", ((before + (performance.now() - seen || 0)) / 1000).toFixed(1));
    screen().setAttribute("aria-busy", "true");
    const unsaved = find("#unsaved");
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.status === 401 || answer.status === 421) {
        find("#outlived").hidden = false;
      } else if (find("[data-coding]", page)) {
        if (answer.ok) for (const field of form.querySelectorAll("[data-draft]")) sessionStorage.removeItem(field.dataset.draft);
        find("main").replaceWith(find("main", page));
        document.title = page.title;
        history.replaceState(null, "", answer.ok ? answer.url : location.href);
        find("#live").textContent = screen().dataset.said;
        // On a narrow screen the answers are below the text.
        if (screen().getBoundingClientRect().top < 0 || scrollY > 200) screen().scrollIntoView();
        begin();
      } else {
        // What went wrong is told where it can be read, and what was written stays.
        unsaved.textContent = find("main .note", page)?.innerText || unsaved.textContent;
        unsaved.hidden = false;
      }
    } catch {
      unsaved.hidden = false;
    }
    screen().removeAttribute("aria-busy");
    isBusy = false;
  });

  addEventListener("keydown", event => {
    if (!screen() || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event, stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    const isPress = key.length === 1 || key === "Enter" || key === "Backspace";
    if (target.closest("dialog")) return;
    if (target.closest(FIELD)) {
      if (key === "Escape") target.blur();
      else if (key === "Enter" && !event.shiftKey && target.matches("textarea")) {
        stop();
        if (target.matches("[data-note]")) target.blur();
        else find("[data-enter]")?.click();
      } else if (event.repeat && key === "Enter") stop();
      return;
    }
    if (isPress && (event.repeat || isBusy || performance.now() - shownAt < TOO_SOON_MS)) return stop();
    if (document.body.dataset.keys === "off") return;
    if (find("[data-select]")?.contains(target) && move(key, event.shiftKey)) return stop();
    if (key === "Backspace") {
      stop();
      find("[data-key=z]")?.click();
    } else if (key === "Enter" && !target.closest("button, a, summary")) {
      stop();
      find("[data-enter]")?.click();
    } else if (key.length === 1 && key !== " " && target.matches("[type=checkbox]")) {
      stop();
      find(`[data-key="${CSS.escape(key)}"]`)?.click();
    }
  }, true);

  // Quotes: what is selected in the text stands in the field.
  function take() {
    const text = find("[data-select]"), field = find("[data-quote]"), chosen = getSelection();
    if (!text || !field || chosen.isCollapsed || !text.contains(chosen.anchorNode) || !text.contains(chosen.focusNode)) return;
    const quote = chosen.toString().trim();
    if (!quote) return;
    const lines = field.value ? field.value.split("\n") : [];
    if (field.dataset.quote === "one") field.value = quote;
    else {
      // While a selection grows, it is one quote.
      if (take.last && lines.at(-1) === take.last && (quote.includes(take.last) || take.last.includes(quote))) lines.pop();
      const line = quote.replaceAll("\n", " ");
      if (!lines.includes(line)) lines.push(line);
      take.last = line;
      field.value = lines.join("\n");
    }
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  document.addEventListener("pointerup", () => setTimeout(take));
  document.addEventListener("touchend", () => setTimeout(take, 50));

  // By keyboard: the arrows go from word to word, and with Shift take words along.
  function move(key, isShift) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -1e9, End: 1e9 }[key];
    const node = find("[data-select]").firstChild;
    if (!step || !node) return false;
    if (!words) {
      const cut = new Intl.Segmenter(undefined, { granularity: "word" }).segment(node.data);
      words = { all: [...cut].filter(one => one.isWordLike), from: 0, to: -1 };
      if (!words.all.length) return false;
    }
    const last = words.all.length - 1, at = Math.max(0, Math.min(last, words.to + step));
    words.from = isShift && words.to >= 0 ? words.from : at;
    words.to = at;
    const [first, end] = [words.all[Math.min(words.from, at)], words.all[Math.max(words.from, at)]];
    getSelection().setBaseAndExtent(node, first.index, node, end.index + end.segment.length);
    getSelection().focusNode.parentElement.scrollIntoView({ block: "nearest" });
    take();
    return true;
  }

  if (screen()) begin();
}
