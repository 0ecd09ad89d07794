// A table of any length: only the rows that can be seen are in the page. Cells are texts, never HTML.
const ROW = 32, PAGE = 100, KEPT_PAGES = 40;
// Browsers allow elements of some 17 million pixels.
const MAX_HEIGHT = 8_000_000;

customElements.define("v-table", class extends HTMLElement {
  connectedCallback() {
    if (this.box) return;
    this.columns = JSON.parse(this.getAttribute("columns"));
    this.textColumn = Number(this.getAttribute("text"));
    this.total = Number(this.getAttribute("total"));
    this.pages = new Map();
    this.first = 0;
    this.box = document.createElement("div");
    this.box.className = "vbox";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "region");
    this.box.setAttribute("aria-labelledby", this.getAttribute("labelledby"));
    this.pad = document.createElement("div");
    this.pad.className = "vpad";
    this.table = document.createElement("table");
    const head = this.table.createTHead().insertRow();
    for (const [position, name] of ["#", ...this.columns].entries()) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      cell.title = name;
      if (position - 1 === this.textColumn) cell.className = "text";
      head.append(cell);
    }
    this.body = this.table.createTBody();
    this.pad.append(this.table);
    this.box.append(this.pad);
    this.replaceChildren(this.box);
    this.resize();
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.box.addEventListener("wheel", event => this.wheeled(event), { passive: false });
    this.box.addEventListener("keydown", event => this.pressed(event));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.box);
    this.draw();
  }

  disconnectedCallback() { this.observer?.disconnect(); }

  // While the table is read, it grows.
  static observedAttributes = ["total"];
  attributeChangedCallback() {
    if (!this.box) return;
    this.total = Number(this.getAttribute("total"));
    for (const [number, rows] of this.pages) if (rows && rows.length < PAGE) this.pages.delete(number);
    this.resize();
    this.draw();
  }

  resize() {
    this.height = Math.min(this.total * ROW, MAX_HEIGHT);
    this.pad.style.height = `${this.height + ROW}px`;
    this.table.setAttribute("aria-rowcount", this.total + 1);
  }

  get seen() { return Math.max(1, Math.ceil(this.box.clientHeight / ROW)); }
  get room() { return Math.max(1, this.height + ROW - this.box.clientHeight); }
  get last() { return Math.max(0, this.total - this.seen + 2); }

  scrolled() {
    if (this.isOwnScroll) this.isOwnScroll = false;
    else this.first = this.box.scrollTop / this.room * this.last;
    this.draw();
  }

  // By rows: a scroll bar over a million rows is too coarse to reach each of them.
  move(rows) {
    this.first = Math.max(0, Math.min(this.last, Math.round(this.first + rows)));
    const top = Math.round(this.first / Math.max(1, this.last) * this.room);
    this.isOwnScroll = Math.round(this.box.scrollTop) !== top;
    this.box.scrollTop = top;
    this.draw();
  }

  goTo(row) {
    this.move(row - 1 - this.first);
    this.box.focus();
  }

  wheeled(event) {
    if (event.shiftKey || event.ctrlKey || !event.deltaY) return;
    const rows = event.deltaMode ? event.deltaY : event.deltaY / ROW;
    // At its ends the page scrolls on.
    if (rows < 0 && this.first <= 0 || rows > 0 && this.first >= this.last) return;
    event.preventDefault();
    this.move(Math.abs(rows) < 1 ? Math.sign(rows) : rows);
  }

  pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = { ArrowDown: 1, ArrowUp: -1, PageDown: this.seen - 2, PageUp: 2 - this.seen, Home: -Infinity, End: Infinity }[event.key];
    if (rows !== undefined) {
      event.preventDefault();
      this.move(rows);
    }
  }

  async load(number) {
    if (this.pages.has(number)) return;
    this.pages.set(number, null);
    try {
      const answer = await fetch(`${this.getAttribute("src")}?start=${number * PAGE + 1}&count=${PAGE}`);
      // The program was started again, and lets no page of an earlier start in.
      if (answer.status === 401 || answer.status === 421) document.querySelector("#outlived").hidden = false;
      if (!answer.ok) throw new Error(String(answer.status));
      this.pages.set(number, (await answer.json()).rows);
      for (const old of this.pages.keys()) if (this.pages.size > KEPT_PAGES && old !== number) this.pages.delete(old);
    } catch {
      this.pages.delete(number);
      this.failed = true;
      setTimeout(() => { this.failed = false; this.draw(); }, 2000);
    }
    this.draw();
  }

  draw() {
    this.table.style.transform = `translateY(${this.box.scrollTop}px)`;
    const first = Math.round(this.first), rows = [];
    for (let index = first; index < Math.min(this.total, first + this.seen); index++) {
      const number = Math.floor(index / PAGE), page = this.pages.get(number);
      if (page === undefined && !this.failed) this.load(number);
      const row = document.createElement("tr");
      row.setAttribute("aria-rowindex", index + 2);
      const cells = page ? page[index % PAGE] ?? [] : this.columns.map(() => this.failed ? "⚠" : "…");
      for (const [position, text] of [(index + 1).toLocaleString(document.documentElement.lang), ...cells].entries()) {
        const cell = row.insertCell();
        cell.textContent = text;
        if (position) cell.dir = "auto";
        if (position - 1 === this.textColumn) cell.className = "text";
      }
      rows.push(row);
    }
    this.body.replaceChildren(...rows);
  }
});
