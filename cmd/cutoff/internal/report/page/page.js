// Runs in the report that cutoff report writes as HTML: the list of attempts
// with search, filter, order and links, the theme, and the copy buttons.
// Everything from the journal goes into the page as text, never as HTML.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = data.rows.map((r) => Object.fromEntries(data.fields.map((f, i) => [f, r[i]])));
  for (const r of rows) {
    r.kind = data.outcomes[r.outcome] || { name: r.outcome, mark: "", class: "failed" };
    r.text = [r.name, r.command, r.reason, r.stuck, r.outcome, r.kind.name].join("\n").toLowerCase();
  }
  const $ = (id) => document.getElementById(id);
  const el = (tag, props, ...kids) => {
    const e = Object.assign(document.createElement(tag), props);
    e.append(...kids);
    return e;
  };

  // Numbers as the rest of the page writes them.
  const digits = (x) => (x < 9.995 ? x.toFixed(2) : x < 99.95 ? x.toFixed(1) : x.toFixed(0));
  const duration = (ns) => {
    const s = ns / 1e9;
    if (ns < 1e3) return ns + " ns";
    if (ns < 1e6) return digits(ns / 1e3) + " µs";
    if (ns < 1e9) return digits(ns / 1e6) + " ms";
    if (s < 600) return digits(s) + " s";
    if (s < 3600) return Math.floor(s / 60) + " min " + String(Math.round(s % 60)).padStart(2, "0") + " s";
    return Math.floor(s / 3600) + " h " + String(Math.round((s % 3600) / 60)).padStart(2, "0") + " min";
  };
  const bytes = (n) => {
    let u = 0;
    for (; n >= 1024 && u < 5; u++) n /= 1024;
    return (u ? digits(n) : n) + " " + ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][u];
  };
  const number = (n) => n.toLocaleString("en-US");

  const chip = (r) => el("span", { className: "chip " + r.kind.class }, el("span", { className: "mark", ariaHidden: "true" }, r.kind.mark), " " + r.kind.name);
  const columns = [
    { name: "#", key: "seq", num: true, show: (r) => number(r.seq) },
    { name: "task", key: "name", show: (r) => opener(r) },
    { name: "outcome", key: "outcome", show: chip },
    { name: "wall time", key: "wall", num: true, show: (r) => (r.attempt ? duration(r.wall) : "") },
    { name: "processor", key: "cpu", num: true, show: (r) => (r.attempt ? duration(r.cpu) : "") },
    { name: "memory", key: "rss", num: true, show: (r) => (r.rss ? bytes(r.rss) : "") },
    { name: "began at", key: "begin", num: true, show: (r) => duration(r.begin) },
    { name: "slot", key: "slot", num: true, show: (r) => r.slot || "" },
    { name: "attempt", key: "attempt", num: true, show: (r) => (r.attempt ? r.attempt + (r.retry ? ", again" : "") : "") },
    { name: "why", key: "reason", show: (r) => (r.stuck ? "stuck in " + r.stuck : r.reason) },
  ];

  // The state of the list is in the address, so that a link shows the same.
  const page = 100;
  const state = { q: "", outcomes: new Set(), sort: "seq", down: false, task: "", room: page };
  const idOf = (r) => r.run + "." + r.seq + "." + r.attempt;
  const address = () => {
    const p = new URLSearchParams();
    if (state.q) p.set("q", state.q);
    if (state.outcomes.size) p.set("outcome", [...state.outcomes].join(","));
    if (state.sort !== "seq" || state.down) p.set("sort", (state.down ? "-" : "") + state.sort);
    if (state.task) p.set("task", state.task);
    return "#" + (p.toString() || "attempts");
  };
  const remember = () => history.replaceState(null, "", address());
  const recall = () => {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return false;
    const p = new URLSearchParams(hash);
    state.q = p.get("q") || "";
    state.outcomes = new Set((p.get("outcome") || "").split(",").filter((o) => Object.hasOwn(data.outcomes, o)));
    const sort = p.get("sort") || "seq";
    state.down = sort.startsWith("-");
    state.sort = columns.some((c) => c.key === sort.replace("-", "")) ? sort.replace("-", "") : "seq";
    state.task = p.get("task") || "";
    state.room = page;
    return true;
  };

  const matching = () => {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter((r) => (!state.outcomes.size || state.outcomes.has(r.outcome)) && words.every((w) => r.text.includes(w)));
    const k = state.sort;
    found.sort((a, b) => (a[k] < b[k] ? -1 : a[k] > b[k] ? 1 : a.run - b.run || a.seq - b.seq || a.attempt - b.attempt));
    return state.down ? found.reverse() : found;
  };

  const opener = (r) => {
    const b = el("button", { type: "button", className: "open" }, r.name);
    b.setAttribute("aria-expanded", String(state.task === idOf(r)));
    b.addEventListener("click", () => {
      state.task = state.task === idOf(r) ? "" : idOf(r);
      remember();
      draw();
      $("list").querySelector('tr[data-id="' + idOf(r) + '"] .open')?.focus();
    });
    return b;
  };

  const details = (r) => {
    const dl = el("dl", {});
    const put = (name, value) => value && dl.append(el("dt", {}, name), el("dd", {}, value));
    if (r.command) {
      const dd = el("dd", { className: "cmd" }, el("code", {}, r.command));
      if (r.whole) dd.append(copier(r.command));
      dl.append(el("dt", {}, "to run it again"), dd);
    }
    put("why", r.reason);
    put("stuck in", r.stuck);
    put("cutoff", r.limit ? duration(r.limit) : "");
    put("stopped late by", r.over ? duration(r.over) : "");
    put("supervisor late by", r.stalled ? duration(r.stalled) : "");
    put("exit status", r.attempt && r.exit >= 0 && r.outcome !== "unfinished" ? String(r.exit) : "");
    put("signal", r.signal);
    put("left behind", r.leaked ? String(r.leaked) : "");
    put("held by", r.held);
    put("output", r.output && el("pre", {}, r.output));
    put("stack", r.stack && el("pre", {}, r.stack));
    return dl;
  };

  const draw = () => {
    const found = matching();
    // The task of a link is shown wherever it stands.
    const at = found.findIndex((r) => idOf(r) === state.task);
    const shown = found.slice(0, Math.max(state.room, at + 1));
    const body = document.createDocumentFragment();
    for (const r of shown) {
      const tr = el("tr", {}, ...columns.map((c) => el("td", { className: c.num ? "num" : "" }, c.show(r))));
      tr.dataset.id = idOf(r);
      body.append(tr);
      if (idOf(r) === state.task) {
        tr.className = "target";
        body.append(el("tr", { className: "more" }, el("td", { colSpan: columns.length }, details(r))));
      }
    }
    $("list").tBodies[0].replaceChildren(body);
    $("more").hidden = shown.length === found.length;
    $("more").textContent = "show " + number(Math.min(page * 5, found.length - shown.length)) + " more";
    $("count").value = number(found.length) + (found.length === rows.length ? " rows" : " of " + number(rows.length) + " rows match");
    for (const th of $("list").tHead.rows[0].cells) {
      if (th.dataset.key === state.sort) th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
  };

  const showState = () => {
    $("q").value = state.q;
    for (const box of $("outcomes").querySelectorAll("input")) box.checked = state.outcomes.has(box.value);
    draw();
  };
  const change = () => {
    state.room = page;
    state.task = "";
    remember();
    draw();
  };

  const copier = (text) => {
    const b = el("button", { type: "button", className: "copy" }, "copy");
    b.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        b.textContent = "copied";
      } catch {
        const range = document.createRange(); // not allowed: mark it at least
        range.selectNodeContents(b.previousSibling);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
      }
    });
    return b;
  };
  for (const b of document.querySelectorAll(".copy")) b.replaceWith(copier(b.previousElementSibling.textContent));

  $("list").tHead.append(el("tr", {}, ...columns.map((c) => {
    const th = el("th", { scope: "col", className: c.num ? "num" : "" });
    th.dataset.key = c.key;
    const b = el("button", { type: "button" }, c.name);
    b.addEventListener("click", () => {
      state.down = state.sort === c.key ? !state.down : ["wall", "cpu", "rss"].includes(c.key);
      state.sort = c.key;
      change();
    });
    th.append(b);
    return th;
  })));
  const present = new Set(rows.map((r) => r.outcome));
  for (const [value, kind] of Object.entries(data.outcomes)) {
    if (!present.has(value)) continue;
    const box = el("input", { type: "checkbox", value });
    box.addEventListener("change", () => {
      box.checked ? state.outcomes.add(value) : state.outcomes.delete(value);
      change();
    });
    $("outcomes").append(el("label", {}, box, " ", chip({ kind })));
  }
  $("q").addEventListener("input", () => {
    state.q = $("q").value;
    change();
  });
  $("filter").addEventListener("submit", (e) => e.preventDefault());
  $("filter").addEventListener("reset", (e) => {
    e.preventDefault();
    Object.assign(state, { q: "", outcomes: new Set(), sort: "seq", down: false });
    change();
    showState();
  });
  $("more").addEventListener("click", () => {
    state.room += page * 5;
    draw();
  });
  const follow = () => {
    if (!recall()) return;
    showState();
    ($("list").querySelector("tr.target") || $("attempts")).scrollIntoView({ block: state.task ? "center" : "start" });
  };
  addEventListener("hashchange", follow);
  $("filter").hidden = false;
  draw();
  follow();

  const theme = $("theme");
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => (theme.textContent = dark() ? "Light" : "Dark");
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    label();
  });
  theme.hidden = false;
  label();
})();
