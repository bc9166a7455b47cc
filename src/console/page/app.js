"use strict";
// The page: what the server wrote, kept up to date. Text enters by textContent only.
(() => {
  const body = document.body, page = body.dataset.page, acts = body.dataset.acts === "1";
  const at = (id) => document.getElementById(id);
  if (!page) return;
  const SILENT_MS = 35000, HIDDEN_MS = 30000, POLL_MS = 15000, SLOW_MS = 60000, SAY_MS = 5000;
  const GLYPH = { down: "■", unknown: "?", degraded: "▲", planned: "◐", up: "●", off: "○" };
  const CELL = { u: "up", d: "down", p: "planned", g: "degraded", k: "unknown", o: "not watched" };
  let source = null, heard = Date.now(), poll = 0, hiddenAt = 0, isBlind = false, utc = true, current = -1, lastSaid = 0, saying = 0;
  const state = { rows: [], next: null, total: 0, folded: new Set(), opened: new Set() };

  function make(name, props, ...children) {
    const svgs = name === "svg" || name === "rect";
    const node = svgs ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(props || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "text") node.textContent = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    for (const child of children) if (child) node.append(child);
    return node;
  }
  const stand = (word, says) => make("span", { class: "stand " + word }, make("span", { "aria-hidden": "true", text: GLYPH[word] || "?" }), " " + (says || word));

  function human(secs) {
    secs = Math.max(0, Math.round(secs));
    const two = (n, unit, m, small) => m ? `${n} ${unit} ${m} ${small}` : `${n} ${unit}`;
    if (secs < 60) return `${secs} s`;
    if (secs < 3600) return secs < 600 ? two(Math.floor(secs / 60), "min", secs % 60, "s") : `${Math.floor(secs / 60)} min`;
    if (secs < 86400) return two(Math.floor(secs / 3600), "h", Math.floor(secs % 3600 / 60), "min");
    return two(Math.floor(secs / 86400), "d", Math.floor(secs % 86400 / 3600), "h");
  }
  function moment(ts) {
    const date = new Date(ts * 1000);
    if (utc) return date.toISOString().slice(0, 19).replace("T", " ") + " UTC";
    const off = -date.getTimezoneOffset(), pad = (n) => String(n).padStart(2, "0");
    const local = new Date(date.getTime() + off * 60000).toISOString().slice(0, 19).replace("T", " ");
    return `${local} ${off < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(off) / 60))}:${pad(Math.abs(off) % 60)}`;
  }
  const percent = (value) => value === null || value === undefined ? "—" : value === 100 ? "100 %" : value.toFixed(2) + " %";

  // Says something to whoever listens instead of looking, not more often than every five seconds; the newest counts.
  function say(text) {
    clearTimeout(saying);
    saying = setTimeout(() => { lastSaid = Date.now(); at("said").textContent = text; }, Math.max(0, lastSaid + SAY_MS - Date.now()));
  }

  async function get(path) {
    const answer = await fetch(path, { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" });
    if (answer.status === 401) { location.assign("/login"); throw new Error("not logged in"); }
    if (!answer.ok) throw new Error("answered " + answer.status);
    const data = await answer.json();
    alive();
    return data;
  }
  async function post(path, data) {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, credentials: "same-origin", body: JSON.stringify(data) });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.message || "answered " + answer.status);
    return said;
  }

  // --- how it all stands -------------------------------------------------------------------------------------------
  // An icon for each state is a path of this site, since the policy loads no other picture.
  function icon(word) {
    const link = document.querySelector("link[rel=icon]");
    const path = "/icons/" + (GLYPH[word] ? word : "unknown") + ".svg";
    if (link && link.getAttribute("href") !== path) link.setAttribute("href", path);
  }
  function overall(summary) {
    const line = at("headline");
    const text = summary.headline;
    if (line.dataset.text !== text) {
      line.replaceChildren(make("span", { "aria-hidden": "true", text: GLYPH[summary.state] || "?" }), " " + text);
      if (line.dataset.text !== undefined) say(text);
      line.dataset.text = text;
    }
    line.className = "headline " + summary.state;
    const down = summary.counts ? summary.counts.down : 0;
    const worst = Object.keys(GLYPH).find((word) => summary.counts && summary.counts[word] > 0);
    const name = page === "service" ? body.dataset.svc : "MarketSwarm";
    document.title = (down ? `(${down}) ` : summary.judged ? "" : "(?) ") + name + (worst && worst !== "up" && worst !== "off" ? " " + worst : "");
    icon(summary.state);
    const facts = ["healer " + (summary.healer || "not known")];
    for (const bus of summary.buses || []) facts.push(`${bus.bus} ${bus.judged ? "judged" : "not judged"}`);
    if (summary.told_by) facts.push(summary.told_by);
    for (const word of Object.keys(GLYPH)) if (summary.counts && summary.counts[word]) facts.push(`${summary.counts[word]} ${word}`);
    if (summary.history) facts.push(summary.history);
    at("facts").textContent = facts.join(" · ");
  }
  // Nobody tells us anything: what is shown is not known any more.
  function blind(why) {
    if (isBlind) return;
    isBlind = true;
    overall({ state: "unknown", headline: why, counts: null, judged: false, healer: "" });
    at("live").textContent = "not live";
    for (const row of state.rows) {
      if (row.state !== "off" && row.state !== "unknown") { row.last_known = row.state; row.state = "unknown"; row.reason = why; row.since_ts = null; }
    }
    if (page === "list") paint();
    if (page === "service") { const now = at("now"); now.replaceChildren(stand("unknown"), ": " + why); }
  }
  function alive() {
    heard = Date.now();
    isBlind = false;
    at("live").textContent = (source ? "live " : "seen ") + moment(heard / 1000).slice(11);
  }

  // --- what can be asked for on the pages of the services -----------------------------------------------------------
  if (acts) for (const button of document.querySelectorAll("button[data-post]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      // Asked again under the same name it is the same ask.
      button.dataset.id = button.dataset.id || "c" + Date.now().toString(36) + Math.random().toString(36).slice(2, 10);
      try {
        const said = await post(button.dataset.post, { id: button.dataset.id });
        at("said").textContent = said.message || JSON.stringify(said);
        if (!said.message || !said.message.startsWith("asked")) delete button.dataset.id;
      } catch (error) {
        at("said").textContent = error.message;
      }
      button.disabled = false;
    });
  }

  // --- the list ----------------------------------------------------------------------------------------------------
  let asked = 0, waits = false;
  function query(after) {
    const all = new URLSearchParams();
    for (const id of ["q", "state", "group", "bars"]) if (at(id).value) all.set(id, at(id).value);
    all.set("limit", "200");
    if (after) all.set("after", after);
    return "/api/v1/services?" + all;
  }
  async function load() {
    if (waits) { waits = "again"; return; }
    waits = true;
    const mine = ++asked;
    try {
      if (page === "list") {
        const data = await get(query());
        if (mine === asked) { Object.assign(state, { rows: data.services, next: data.next, total: data.total }); paint(); }
      } else if (page === "service") {
        detail(await get("/api/v1/services/" + encodeURIComponent(body.dataset.svc)));
      }
    } catch (error) {
      at("live").textContent = error.message;
    } finally {
      const again = waits === "again";
      waits = false;
      if (again) load();
    }
  }
  function bar(letters, label) {
    const width = 8, count = letters.length;
    const picture = make("svg", { class: "bar", viewBox: `0 0 ${count * width} 26`, preserveAspectRatio: "none", role: "img", "aria-label": label });
    [...letters].forEach((letter, n) => picture.append(cell(letter, n * width)));
    return picture;
  }
  // Cells differ by their shape: down hangs below the line, planned is half, degraded lower, unknown an outline.
  function cell(letter, x) {
    const [y, height] = { d: [8, 18], p: [9, 9], g: [5, 13], k: [2.5, 15], o: [16, 2] }[letter] || [2, 16];
    return make("rect", { class: "c-" + letter, x: x + 1, y, width: 6, height });
  }
  function sentence(letters, what) {
    const counts = {};
    for (const letter of letters) counts[letter] = (counts[letter] || 0) + 1;
    const parts = ["d", "p", "g", "k", "o"].filter((letter) => counts[letter]).map((letter) => `${counts[letter]} ${CELL[letter]}`);
    return `${letters.length} ${what}: ` + (parts.length ? parts.join(", ") + ", the rest up" : "all up");
  }
  function line(row, now) {
    const window = at("bars").value;
    const share = row.uptime[window === "90d" ? "90d" : "24h"];
    const isShort = row.watched !== null && row.watched < 99.95 && share !== null && share !== undefined;
    const watched = isShort ? ` of the ${percent(row.watched)} watched` : "";
    const words = [row.reason, row.last_known && "last known: " + row.last_known, row.silenced && "silenced", row.acked && "acknowledged"].filter(Boolean).join(" · ");
    const item = make("li", { class: "row", "data-svc": row.svc },
      stand(row.state, row.says),
      make("a", { class: "name", href: "/services/" + encodeURIComponent(row.svc), text: row.svc }),
      make("span", { text: row.since_ts ? human(now - row.since_ts) : "—" }),
      row.bar ? bar(row.bar, sentence(row.bar, window === "90d" ? "days" : "hours")) : make("span"),
      make("span", { class: "share", text: percent(share) + watched }));
    if (words) item.append(make("span", { class: "why" + (row.last_known ? " last" : ""), text: words }));
    return item;
  }
  function paint() {
    const box = at("rows"), now = Date.now() / 1000;
    const held = document.activeElement && document.activeElement.closest ? document.activeElement.closest("[data-svc]") : null;
    const heldName = held && box.contains(held) ? held.dataset.svc : null;
    const list = make("ul", {});
    const groups = new Map();
    for (const row of state.rows) { if (!groups.has(row.group)) groups.set(row.group, []); groups.get(row.group).push(row); }
    if (state.total > 50 && groups.size > 1 && !at("q").value && !at("group").value) {
      for (const [name, rows] of groups) list.append(...group(name, rows, now));
    } else for (const row of state.rows) list.append(line(row, now));
    const parts = [list];
    if (!state.rows.length) parts.push(make("p", { text: "No services match, or truth names none yet: marketswarm bootstrap puts one in force." }));
    if (state.next) parts.push(make("p", {}, make("button", { type: "button", text: "the next ones", onclick: more })));
    box.replaceChildren(...parts);
    at("count").textContent = state.total ? `1–${state.rows.length} of ${state.total}` : "";
    mark();
    if (heldName) { const again = box.querySelector(`[data-svc="${CSS.escape(heldName)}"] a`); if (again) again.focus(); }
  }
  function group(name, rows, now) {
    if (rows.length < 2) return rows.map((row) => line(row, now));
    const worst = rows[0].state;
    const open = state.opened.has(name) || (worst !== "up" && worst !== "off" && !state.folded.has(name));
    const head = make("li", { class: "row" }, stand(worst), make("button", { type: "button", "aria-expanded": String(open), text: `${name} (${rows.length})`, onclick: () => {
      if (open) { state.folded.add(name); state.opened.delete(name); } else { state.opened.add(name); state.folded.delete(name); }
      paint();
    } }));
    return open ? [head, ...rows.map((row) => line(row, now))] : [head];
  }
  async function more() {
    const data = await get(query(state.next));
    // No more than 200 rows stand in the page: the next ones take the place of these.
    Object.assign(state, { rows: data.services, next: data.next, total: data.total });
    paint();
    window.scrollTo(0, 0);
  }
  function lines() { return [...at("rows").querySelectorAll("li[data-svc]")]; }
  function mark() { lines().forEach((item, n) => item.classList.toggle("current", n === current)); }
  function move(by) {
    const all = lines();
    if (!all.length) return;
    current = Math.min(all.length - 1, Math.max(0, current + by));
    mark();
    const link = all[current].querySelector("a");
    link.focus();
    all[current].scrollIntoView({ block: "nearest" });
  }

  // --- one service ---------------------------------------------------------------------------------------------------
  function detail(data) {
    const now = Date.now() / 1000;
    const words = [data.reason, data.last_known && "last known: " + data.last_known, data.silenced && "silenced", data.acked && "acknowledged"].filter(Boolean).join(" · ");
    at("now").replaceChildren(stand(data.state, data.says), data.since_ts ? ` for ${human(now - data.since_ts)}` : "", words ? ": " + words : "");
    const box = at("bars"), letters = data.days.map((day) => day.state).join("");
    const kept = Number(box.dataset.day || 89);
    const held = box.contains(document.activeElement);
    const picture = bar(letters, sentence(letters, "days") + ". Arrow keys walk the days.");
    picture.setAttribute("tabindex", "0");
    const said = make("p", { class: "dim", "aria-live": "polite" });
    const first = Math.floor(now / 86400) - 89;
    const walk = (to) => {
      const day = Math.min(89, Math.max(0, to)), one = data.days[day];
      box.dataset.day = day;
      picture.querySelectorAll(".c-at").forEach((node) => node.remove());
      picture.append(make("rect", { class: "c-at", x: day * 8, y: 0.5, width: 8, height: 25 }));
      const parts = [`${new Date((first + day) * 86400000).toISOString().slice(0, 10)}: ${CELL[one.state]}, up ${percent(one.uptime)}`];
      for (const what of ["down", "planned", "unknown"]) if (one[what]) parts.push(`${what} ${human(one[what])}`);
      said.textContent = parts.join(", ");
    };
    picture.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, Home: -99, End: 99 }[event.key];
      if (by) { event.preventDefault(); walk(Number(box.dataset.day || 89) + by); }
    });
    picture.addEventListener("click", (event) => { const shape = picture.getBoundingClientRect(); walk(Math.floor((event.clientX - shape.left) / shape.width * 90)); });
    box.replaceChildren(make("h3", { text: "90 days" }), make("div", { class: "card" }, picture, said), make("h3", { text: "24 hours" }), make("div", { class: "card" }, bar(data.bar, sentence(data.bar, "hours"))));
    if (box.dataset.day !== undefined) walk(kept);
    if (held) picture.focus();
    windows(data.windows);
    spans(data.spans);
    actions(data);
  }
  function windows(all) {
    const rows = all.map((w) => make("tr", {}, make("th", { scope: "row", text: w.window }),
      ...[["uptime", w.uptime_text || "—"], ["watched", percent(w.watched)], ["outages", w.outages], ["to repair", w.mttr_sec === null ? "—" : human(w.mttr_sec)], ["between", w.mtbf_sec === null ? "—" : human(w.mtbf_sec)]]
        .map(([name, text]) => make("td", { "data-name": name, text }))));
    at("windows").querySelector("tbody").replaceChildren(...rows);
  }
  function spans(all) {
    const list = at("spans");
    if (!list) return;
    list.replaceChildren(...all.slice(0, 50).map((s) => make("li", {}, make("time", { datetime: new Date(s.from * 1000).toISOString(), "data-ts": s.from, text: moment(s.from) }), ` ${s.state} for ${human(s.to - s.from)}${s.lasts ? " so far" : ""}`)));
  }
  const id = () => [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join("");
  let made = false;
  function actions(data) {
    let box = at("do");
    if (!box) { box = make("div", { id: "do", class: "card" }); at("now").after(box); }
    const list = make("ul", {}, ...data.silences.filter((s) => !s.ack).map((s) => make("li", {}, `silenced until ${moment(s.until_ms / 1000)}: ${s.why} (${s.by}) `,
      acts && make("button", { type: "button", text: "end this silence", onclick: () => act("silences/" + encodeURIComponent(s.id) + "/end", {}, "the silence is over") }))));
    if (!made) {
      made = true;
      box.append(make("div", { id: "silences" }));
      if (acts) box.append(form(data.svc));
    }
    at("silences").replaceChildren(list);
  }
  function form(svc) {
    const span = make("input", { name: "span", value: "2h", required: true, size: 6, autocomplete: "off" });
    const why = make("input", { name: "why", required: true, autocomplete: "off" });
    const from = make("input", { name: "from", placeholder: "now", size: 12, autocomplete: "off", title: "now, +30m, or 22:00 (UTC)" });
    // One id for each wish: asked again, it is the same silence.
    let wish = id();
    const silence = make("form", {}, make("label", {}, "Silence for ", span), make("label", {}, "because ", why), make("label", {}, "from ", from), make("button", { text: "silence" }));
    silence.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await act("silences", { id: wish, svc, span: span.value, why: why.value, from: from.value }, `${svc} is silenced for ${span.value}${from.value ? " from " + from.value : ""}`)) { wish = id(); why.value = from.value = ""; }
    });
    const ack = make("button", { type: "button", text: "acknowledge: no reminders", onclick: () => act("services/" + encodeURIComponent(svc) + "/ack", {}, "acknowledged") });
    return make("div", {}, silence, make("p", {}, ack), make("p", { id: "done", role: "status" }));
  }
  async function act(path, data, done) {
    const line = at("done");
    try {
      await post("/api/v1/" + path, data);
      if (line) line.textContent = done;
      setTimeout(load, 300);
      return true;
    } catch (error) {
      if (line) line.textContent = "not done: " + error.message;
      return false;
    }
  }

  // The beats as they come: asked for while somebody looks, since whoever asks makes the console hear them.
  async function hear() {
    if (document.hidden || page !== "service") return;
    try {
      const data = await get("/api/v1/services/" + encodeURIComponent(body.dataset.svc) + "/beats");
      if (isBlind) refresh();
      beats(data);
    } catch (error) { at("beats").replaceChildren(); }
  }
  const short = (secs) => secs < 10 ? secs.toFixed(1).replace(".0", "") + " s" : human(secs);
  function beats(data) {
    const span = Math.max(60, 12 * data.interval_sec), width = 600;
    const ages = data.beats.map((beat) => (data.now_ms - beat.at_ms) / 1000).filter((age) => age >= 0 && age < span);
    const x = (age) => Math.round(width * (1 - age / span));
    const last = data.beats[data.beats.length - 1];
    const words = last ? `${last.i === null ? "the last" : "beat " + last.i} came ${short((data.now_ms - last.at_ms) / 1000)} ago${last.says ? ", it says " + last.says : ""}`
      : data.heard ? "listening, none came yet" : data.busy ? "too many services are looked at; none is heard of this one" : "not heard yet";
    const strip = make("svg", { class: "bar strip", viewBox: `0 0 ${width} 26`, preserveAspectRatio: "none", role: "img", "aria-label": `${ages.length} beats in the last ${human(span)}` });
    strip.append(make("rect", { class: "c-o", x: 0, y: 20, width, height: 1 }));
    if (data.timeout_sec < span) strip.append(make("rect", { class: "c-d", x: x(data.timeout_sec), y: 16, width: 2, height: 9 }));
    for (const age of ages) strip.append(make("rect", { class: "c-u", x: x(age) - 3, y: 4, width: 3, height: 16 }));
    at("beats").replaceChildren(make("h3", { text: "Beats, live" }), make("div", { class: "card" }, strip,
      make("p", { class: "dim", text: `${words}. One is due every ${short(data.interval_sec)}; the red mark is the limit of ${short(data.timeout_sec)}.` })));
  }
  if (page === "service") { hear(); setInterval(hear, 1000); }

  // --- live ----------------------------------------------------------------------------------------------------------
  let reload = 0;
  function changed(data) {
    overall(data);
    alive();
    const mine = page !== "service" || data.changed === "many" || !data.changed.length || data.changed.includes(body.dataset.svc);
    if (mine && !reload) reload = setTimeout(() => { reload = 0; load(); }, 60);
  }
  function open() {
    close();
    clearTimeout(poll);
    source = new EventSource("/api/v1/live");
    source.addEventListener("state", (event) => changed(JSON.parse(event.data)));
    source.addEventListener("tick", () => { if (isBlind) { refresh(); } alive(); });
    source.addEventListener("resync", () => refresh());
    source.addEventListener("error", () => {
      // A refusal ends an EventSource for good: look now and then, and try again after a minute.
      if (source && source.readyState === EventSource.CLOSED) { close(); polling(Date.now() + SLOW_MS); }
    });
  }
  function close() { if (source) source.close(); source = null; }
  async function refresh() {
    try { overall(await get("/api/v1/summary")); await load(); } catch (error) { at("live").textContent = error.message; }
  }
  function polling(until) {
    clearTimeout(poll);
    poll = setTimeout(async () => {
      await refresh();
      if (!document.hidden && Date.now() >= until) open(); else polling(until);
    }, document.hidden ? SLOW_MS : POLL_MS);
  }
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenAt);
    if (document.hidden) hiddenAt = setTimeout(() => { close(); polling(Infinity); }, HIDDEN_MS);
    else {
      // Before anything is painted: what was shown may be hours old.
      if (Date.now() - heard > SILENT_MS) blind("nothing was heard for " + human((Date.now() - heard) / 1000));
      if (!source) { refresh(); open(); }
    }
  });
  let ticked = Date.now();
  setInterval(() => {
    const now = Date.now(), slept = now - ticked > 10000;
    ticked = now;
    const limit = document.hidden ? 3 * SLOW_MS : SILENT_MS;
    if (now - heard > limit) { blind("the console was not heard for " + human((now - heard) / 1000)); }
    if (slept && !document.hidden) refresh();
    if (!isBlind && page === "list" && !document.hidden && now % 5000 < 1000) paint();
  }, 1000);

  // --- keys and times ----------------------------------------------------------------------------------------------
  function times() { for (const node of document.querySelectorAll("time")) node.textContent = moment(Date.parse(node.dateTime) / 1000); }
  at("zone").hidden = false;
  at("zone").addEventListener("click", () => { utc = !utc; at("zone").textContent = utc ? "UTC" : "local"; times(); if (page === "list") paint(); else load(); });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { if (typing) event.target.blur(); else if (page !== "list") location.assign("/"); return; }
    if (typing) return;
    if (event.key === "/" && at("q")) { event.preventDefault(); at("q").focus(); }
    else if (event.key === "j" && page === "list") move(1);
    else if (event.key === "k" && page === "list") move(-1);
    else if (event.key === "Enter" && page === "list" && current >= 0 && event.target === body) { const item = lines()[current]; if (item) item.querySelector("a").click(); }
    else if (event.key === "?") say("Keys: slash searches, j and k move, Enter opens, Escape goes back.");
  });
  if (page === "list") {
    at("find").hidden = false;
    at("find").addEventListener("submit", (event) => event.preventDefault());
    let typed = 0;
    at("q").addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(load, 150); });
    for (const id of ["state", "group", "bars"]) at(id).addEventListener("change", load);
    get("/api/v1/groups").then((data) => { if (data.groups.length > 1) for (const g of data.groups.slice(0, 500)) at("group").append(make("option", { text: g.group })); }).catch(() => {});
  }
  times();
  load();
  open();
})();
