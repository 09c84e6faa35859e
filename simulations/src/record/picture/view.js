// The axis; lines through all rows; drawing everything anew at a width.
const axis = el("div", "row axis", el("div", "label wide", el("i", "", "virtual time, h:mm:ss")));
const axisSvg = svgEl("svg", { height: 52, "aria-hidden": "true" });
axis.firstChild.style.height = "52px";
axis.append(axisSvg);
const flags = el("div", "");
flags.style.cssText = "position:absolute;top:0;left:var(--gutter)";
axis.append(flags);
const lines = [];
const addLine = (cls, ms, text, top) => {
  const over = el("div", `over ${cls}`), flag = text && el("div", `flag ${cls}`, text);
  rowsBox.append(over);
  if (flag) {
    flag.style.top = `${top}px`;
    flags.append(flag);
  }
  lines.push({ over, flag, ms });
  return lines.at(-1);
};
const placeLine = (lineAt) => {
  lineAt.over.style.left = `calc(var(--gutter) + ${x(lineAt.ms)}px)`;
  if (!lineAt.flag) return;
  lineAt.flag.style.left = `${x(lineAt.ms)}px`;
  lineAt.flag.classList.toggle("left", x(lineAt.ms) > Math.max(width - 304, width / 2));
};
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
  43200, 86400].map((seconds) => seconds * 1000);

const draw = () => {
  const view = document.documentElement.clientWidth;
  document.documentElement.style.setProperty("--view", `${view}px`);
  const pad = parseFloat(getComputedStyle(rowsBox).marginLeft) * 2 + 2;
  width = Math.max(240, view - pad - gutter()) * zoom;
  msPerPx = length / width;
  const step = STEPS.find((step) => step / msPerPx >= 70) ?? 86400000;
  let grid = "";
  axisSvg.replaceChildren();
  axisSvg.setAttribute("width", width);
  for (let ms = 0; ms <= length; ms += step) {
    grid += `M${x(ms)} 0V200`;
    const edge = x(ms) > width - 54;
    // The label before reaches to the right of its line, and this one to the left.
    if (edge && step / msPerPx < 116) continue;
    axisSvg.append(svgEl("text", {
      x: x(ms) + (edge ? -2 : 2), y: 47, "text-anchor": edge ? "end" : "start",
    }, clock(ms)));
  }
  path(axisSvg, "grid", grid.replaceAll(" 0V200", " 36V52"));
  for (const row of rows) {
    row.svg.replaceChildren();
    row.svg.setAttribute("width", width);
    path(row.svg, "grid", grid);
    row.draw(row.svg);
  }
  lines.forEach(placeLine);
};

// The cursor: a row and a time, moved by pointer, touch or keys.
const cursor = { row: null, ms: 0, held: false };
const say = (clientX, clientY) => {
  const { row, ms } = cursor;
  rows.forEach((other) => other.box.classList.toggle("at", other === row));
  cursorLine.over.hidden = tip.hidden = row === null;
  if (row === null) return;
  cursorLine.ms = ms;
  placeLine(cursorLine);
  const [head, ...rest] = row.says(ms);
  tip.replaceChildren(el("div", "head", head[1]), el("div", "soft", `at ${clock(ms, true)}`),
    ...rest.map(([cls, text]) => el("div", cls, text)));
  tip.classList.toggle("held", cursor.held);
  const box = tip.getBoundingClientRect();
  const isRoom = clientX + 20 + box.width <= document.documentElement.clientWidth;
  const left = isRoom ? clientX + 16 : clientX - 16 - box.width;
  const top = Math.min(clientY + 12, document.documentElement.clientHeight - box.height - 8);
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
};
const close = () => {
  cursor.row = null;
  cursor.held = false;
  say();
};
const point = (event) => {
  const box = event.target.closest?.(".row");
  const row = rows.find((row) => row.box === box);
  if (!row || event.target.closest(".label")) return false;
  const ms = (event.clientX - row.svg.getBoundingClientRect().left) * msPerPx;
  cursor.row = row;
  cursor.ms = Math.min(Math.max(ms, 0), length);
  say(event.clientX, event.clientY);
  return true;
};
rowsBox.addEventListener("pointermove", (event) => {
  if (event.pointerType === "touch" || cursor.held) return;
  if (!point(event)) close();
});
rowsBox.addEventListener("pointerleave", (event) => {
  if (event.pointerType !== "touch" && !cursor.held) close();
});
rowsBox.addEventListener("click", (event) => {
  cursor.held = !cursor.held;
  if (!point(event)) close();
});

// Brings the cursor into view and says what is there.
const goTo = (row, ms) => {
  cursor.row = row;
  cursor.ms = Math.min(Math.max(ms, 0), length);
  cursor.held = true;
  row.box.scrollIntoView({ block: "nearest" });
  const top = row.box.getBoundingClientRect().top - axis.getBoundingClientRect().bottom;
  if (top < 0) scrollBy(0, top - 4);
  const left = row.svg.getBoundingClientRect().left + x(cursor.ms);
  const labels = gutter() + 8;
  if (left < labels || left > innerWidth - 40) scrollBy(left - innerWidth / 2, 0);
  const box = row.svg.getBoundingClientRect();
  say(box.left + x(cursor.ms), box.top + Math.min(box.height, 60));
};
const zoomTo = (next) => {
  const middle = cursor.row ? cursor.ms
    : (scrollX + innerWidth / 2 - gutter()) * msPerPx;
  zoom = Math.min(Math.max(next, 1), 64);
  draw();
  scrollTo(gutter() + x(middle) - innerWidth / 2, scrollY);
  if (cursor.row) goTo(cursor.row, cursor.ms);
};
const firstRow = () => rows.find((row) => row.host !== undefined) ?? rows[0];
const toViolation = () => {
  if (!run.violation) return;
  const row = rows.find((row) => row.host !== undefined && row.host === run.violation.host);
  goTo(row ?? firstRow(), run.violation.at_ms);
};
const next = (ways) => {
  const row = cursor.row ?? firstRow();
  const times = row.times.filter((ms) => ways > 0 ? ms > cursor.ms : ms < cursor.ms);
  if (times.length) {
    goTo(row, times.reduce((a, b) => ways > 0 ? Math.min(a, b) : Math.max(a, b)));
  }
};
const move = (rowsDown, bins) => {
  const row = rows.indexOf(cursor.row ?? firstRow()) + (cursor.row ? rowsDown : 0);
  const step = Math.max(run.bin_ms, msPerPx);
  goTo(rows[Math.min(Math.max(row, 0), rows.length - 1)], cursor.ms + bins * step);
};
const keys = {
  ArrowLeft: (far) => move(0, far ? -10 : -1), ArrowRight: (far) => move(0, far ? 10 : 1),
  ArrowUp: () => move(-1, 0), ArrowDown: () => move(1, 0),
  Home: () => goTo(cursor.row ?? firstRow(), 0),
  End: () => goTo(cursor.row ?? firstRow(), length),
  n: () => next(1), p: () => next(-1), v: toViolation,
  "+": () => zoomTo(zoom * 2), "=": () => zoomTo(zoom * 2), "-": () => zoomTo(zoom / 2),
  0: () => zoomTo(1), Escape: close,
};
addEventListener("keydown", (event) => {
  const inRows = document.activeElement === rowsBox;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const moves = /^(Arrow|Home|End)/.test(key);
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[key] || (moves && !inRows)) return;
  event.preventDefault();
  keys[key](event.shiftKey);
});
const tools = {
  in: () => zoomTo(zoom * 2), out: () => zoomTo(zoom / 2), fit: () => zoomTo(1),
  violation: toViolation,
};
byId("tools").addEventListener("click", (event) => tools[event.target.dataset.do]?.());

// What stands above and below the rows.
const heading = () => {
  document.title = show(`${run.scenario}, seed ${page.seed}`);
  byId("scenario").textContent = show(run.scenario);
  byId("facts").textContent = show(`seed ${page.seed}, ${clock(run.length_ms)} virtual, `
    + `${number(run.hosts.length)} hosts${run.trace_hash && `, trace ${run.trace_hash}`}`);
  const held = run.violations === 0 && !run.violation;
  byId("verdict").append(el("span", `badge ${held ? "good" : "bad"}`, held
    ? "every checker held" : `${number(run.violations)} violation${
      run.violations === 1 ? "" : "s"}`));
  if (run.violation) {
    const { at_ms: ms, host, checker, text } = run.violation, box = byId("violation");
    box.hidden = false;
    box.classList.add("bad");
    box.append(el("h2", "", `First violation: ${checker}, at ${clock(ms, true)}${
      host === null ? "" : `, ${hostName(host)}`}`), el("pre", "", text));
    document.querySelector("[data-do=violation]").hidden = false;
  }
  const marks = Object.entries(run.marks);
  byId("marks").hidden = !marks.length;
  byId("marks").append(...marks.map(([name, count]) => el("span",
    `badge ${count ? "" : "warn"}`, `${name} `, el("b", "", count ? number(count) : "never"))));
  const left = Object.entries(run.omitted).filter(([, count]) => count);
  byId("omitted").hidden = !left.length;
  byId("omitted").textContent = "The run was larger than its picture; left out, the oldest first: "
    + `${left.map(([what, count]) => `${number(count)} ${what}`).join(", ")}.`;
};
const legend = () => {
  const box = byId("legend");
  const key = (cls, d, words) => {
    const svg = svgEl("svg", { width: 18, height: 16, "aria-hidden": "true" });
    path(svg, cls, d);
    box.append(el("span", "", svg, words));
  };
  const block = "M1 3h16v10h-16z";
  key("up", "M1 13V8h4V4h4v4h4v2h4v3z", "passed, up");
  key("down", "M1 3v5h4v4h4v-4h4v-2h4v-3z", "passed, down (logarithmic)");
  key("risk", "M1 13V9h5V5h6v4h5v4z", "at risk");
  key("lag", "M1 13V10h6v-5h6v4h4v4z", "behind the control");
  const spans = new Set(run.spans.map((span) => span.kind));
  for (const [kind, words] of Object.entries(SPANS)) {
    if (spans.has(kind)) key(kind, kind === "changed" ? "M8 1h2v14h-2z" : block, words);
  }
  const events = new Set(run.events.map((event) => event.kind));
  for (const [kind, words] of Object.entries(EVENTS)) {
    if (events.has(kind)) key(`e e-${kind}`, glyph[kind](9, 8), words);
  }
};
const LISTED = 2000;
byId("list").addEventListener("toggle", (event) => {
  if (!event.target.open || event.target.children.length > 1) return;
  const table = el("table", ""), all = run.events;
  for (const one of all.slice(0, LISTED)) {
    const go = el("button", "", clock(one.at_ms, true));
    go.type = "button";
    go.addEventListener("click", () => {
      const row = rows.find((row) => row.host === one.host);
      if (row) goTo(row, one.at_ms);
    });
    table.append(el("tr", "", el("td", "", go), el("td", "", hostName(one.host)),
      el("td", "", EVENTS[one.kind]), el("td", "", one.text)));
  }
  event.target.append(table);
  if (all.length > LISTED) {
    event.target.append(el("p", "note", `and ${number(all.length - LISTED)} more`));
  }
});

heading();
legend();
rowsBox.append(axis);
networkRow();
const { totals } = run;
totalsRow("Money", ["line: acknowledged", "area: in the control's books"], [
  { name: "in the control's books", cls: "at-control", bins: totals.money_at_control, fills: true },
  { name: "acknowledged", cls: "money", bins: totals.money },
], money);
totalsRow("Stock and rights", ["line: pieces there", "area: rights held"], [
  { name: "rights held", cls: "rights", bins: totals.rights, fills: true },
  { name: "pieces there", cls: "stock", bins: totals.stock },
], pieces);
totalsRow("Backlog, lag", ["area: at risk, all hosts", "line: behind the control"], [
  { name: "events at risk", cls: "risk", bins: summed((host) => host.backlog), fills: true },
  { name: "events behind the control", cls: "lag-line", bins: summed((host) => host.lag) },
], number);
run.hosts.forEach(hostRow);
if (run.healing_ms !== null) addLine("healing", run.healing_ms, "faults stop", 18);
if (run.violation) {
  addLine("violation", run.violation.at_ms, `first violation: ${run.violation.checker}`, 1);
}
const cursorLine = addLine("cursor", 0);
cursorLine.over.hidden = true;
draw();
addEventListener("resize", draw);
