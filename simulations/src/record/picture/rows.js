// The run, and the rows that show it.
// What is drawn. Texts of the run reach the page as text nodes alone, never as markup.
const page = JSON.parse(document.getElementById("run").textContent);
const run = page.run;
const length = Math.max(run.length_ms, 1);
const byId = (id) => document.getElementById(id);
const rowsBox = byId("rows"), tip = byId("tip");
const EVENTS = {
  refused: "refused", start: "started", resume: "went on", stop: "stopped", pause: "stands still",
  fault: "fault", clone: "cloned or older disk", crash: "crashed", violation: "violation",
};
const SPANS = {
  "host-down": "host down", "host-paused": "host stands still", "carrier-down": "carrier down",
  "carrier-silent": "carrier silent", "uplink-silent": "uplink silent",
  captive: "captive portal", partition: "partition", "one-way": "one-way cut",
  "lan-down": "LAN down", changed: "network changed",
};
const GLOBAL = new Set(["partition", "one-way", "lan-down"]);
const OUTAGES = ["carrier-down", "carrier-silent", "captive", "uplink-silent"];
// Heights in pixels; few hosts get more room.
const BAND = run.hosts.length > 12 ? 18 : 26, STRIP = 17, RISK = BAND + 6, TOTAL = 66;
const NET = 14, NET_MAX = 6;

// Characters that would hide or reorder others are written out; a line end is only a space.
const hidden =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const show = (text) => String(text).replace(hidden, (c) =>
  `\\u{${c.codePointAt(0).toString(16)}}`);
const el = (tag, cls, ...children) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  node.append(...children.map((child) => child instanceof Node ? child : show(child)));
  return node;
};
const svgEl = (tag, attributes, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = show(text);
  return node;
};
const path = (svg, cls, d) => { if (d) svg.append(svgEl("path", { class: cls, d })); };

const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
const bytes = (value) => value < 1e3 ? `${number(value)} B`
  : value < 1e6 ? `${number(value / 1e3, 1)} kB` : `${number(value / 1e6, 1)} MB`;
const pieces = (value) => number(value / 1000, 3);
const unit = 10 ** Math.min(run.currency.digits, 9);
const money = (value) => (value / unit).toLocaleString("en", {
  minimumFractionDigits: run.currency.digits, maximumFractionDigits: run.currency.digits,
}) + " " + run.currency.code;
const clock = (ms, fine) => {
  const s = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
  const rest = fine ? "." + String(Math.floor(ms % 1000)).padStart(3, "0") : "";
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}${rest}`;
};
const hostName = (host) => run.hosts[host] ? run.hosts[host].name : `host ${host}`;
const names = (hosts) => hosts.length <= 3 ? hosts.map(hostName).join(", ")
  : `${hosts.slice(0, 2).map(hostName).join(", ")} and ${hosts.length - 2} more`;

// Time and place.
let zoom = 1, width = 1000, msPerPx = length / width;
const x = (ms) => Math.round(ms / msPerPx * 10) / 10;
const gutter = () => parseFloat(getComputedStyle(document.documentElement)
  .getPropertyValue("--gutter"));
const most = (bins) => bins.reduce((most, value) => Math.max(most, value ?? 0), 0);
const at = (bins, ms, carries) => {
  let bin = Math.min(Math.floor(ms / run.bin_ms), bins.length - 1);
  if (!carries) return Math.floor(ms / run.bin_ms) < bins.length ? bins[bin] ?? 0 : 0;
  while (bin > 0 && bins[bin] === null) bin -= 1;
  return bins[bin] ?? null;
};
const perSecond = (value) => value * 1000 / run.bin_ms;

// Areas and lines of steps; `height` gives pixels, upwards.
const area = (bins, base, height, carries) => {
  let d = "", open = false, held = null;
  for (let bin = 0; bin < (carries ? Math.ceil(length / run.bin_ms) : bins.length); bin += 1) {
    const value = bins[bin] ?? (carries ? held : null);
    held = value;
    const from = x(bin * run.bin_ms), to = x(Math.min((bin + 1) * run.bin_ms, length));
    if (value) {
      const y = Math.round((base - height(value)) * 10) / 10;
      d += `${open ? "" : `M${from} ${base}`}L${from} ${y}H${to}`;
      open = true;
    } else if (open) {
      d += `L${from} ${base}Z`;
      open = false;
    }
  }
  return open ? `${d}V${base}Z` : d;
};
const line = (bins, base, height) => {
  let d = "";
  bins.forEach((value, bin) => {
    if (value === null) return;
    const y = Math.round((base - height(value)) * 10) / 10;
    d += `${d ? "H" : "M"}${x(bin * run.bin_ms)}${d ? "V" : " "}${y}`;
  });
  return d && `${d}H${x(length)}`;
};
const rect = (from, to, y, height) =>
  `M${x(from)} ${y}h${Math.max(x(to) - x(from), 1.5)}v${height}H${x(from)}z`;
// What is small beside a burst must be seen: rates go by their logarithm, counts by their root.
const log = (top, pixels) => (value) => {
  const of = (value) => Math.log1p(perSecond(value) / 10);
  return value > 0 ? Math.max(1, of(value) / of(top) * pixels) : 0;
};
const root = (top, pixels) => (value) =>
  value > 0 ? Math.max(1, Math.sqrt(value / Math.max(top, 1)) * pixels) : 0;

const glyph = {
  start: (x, y) => `M${x} ${y - 5}l5 9h-10z`,
  resume: (x, y) => `M${x - 4} ${y - 5}l9 5l-9 5z`,
  stop: (x, y) => `M${x - 4} ${y - 4}h8v8h-8z`,
  pause: (x, y) => `M${x - 4} ${y - 4}h3v8h-3zM${x + 1} ${y - 4}h3v8h-3z`,
  crash: (x, y) => `M${x - 4} ${y - 4}l8 8M${x + 4} ${y - 4}l-8 8`,
  clone: (x, y) => `M${x - 5} ${y - 5}h7v7h-7zM${x - 1} ${y - 1}h6v6h-6z`,
  fault: (x, y) => `M${x} ${y - 6}l6 6l-6 6l-6 -6z`,
  refused: (x, y) => `M${x - 2.5} ${y}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z`,
  violation: (x, y) => `M${x} ${y - 8}l2.3 5.2l5.7 .4l-4.4 3.6l1.5 5.6l-5.1 -3.1l-5.1 3.1`
    + `l1.5 -5.6l-4.4 -3.6l5.7 -.4z`,
};

const spansOf = run.hosts.map(() => []), eventsOf = run.hosts.map(() => []);
for (const span of run.spans) for (const host of span.hosts) spansOf[host]?.push(span);
for (const event of run.events) eventsOf[event.host]?.push(event);
const pair = (span) => span.hosts.length === 2 && GLOBAL.has(span.kind)
  ? span.hosts.map(hostName).join(span.kind === "one-way" ? " to " : " | ") : "";
const spanWords = (span) => {
  const when = span.from_ms === span.to_ms ? clock(span.from_ms, true)
    : `${clock(span.from_ms)} to ${clock(span.to_ms)}`;
  const where = pair(span) ? `${pair(span)}: ` : span.carrier === null ? "" : `${span.carrier}: `;
  return `${where}${SPANS[span.kind]}, ${when}${span.text ? ` (${span.text})` : ""}`;
};
const listed = (out, cls, found, most, words) => {
  found.slice(0, most).forEach((item) => out.push([cls, words(item)]));
  if (found.length > most) out.push(["soft", `and ${number(found.length - most)} more`]);
};
const covers = (ms) => (span) =>
  span.from_ms - 4 * msPerPx <= ms && ms <= span.to_ms + 4 * msPerPx;

// Rows: a label, a height, what draws them, and what they say at a time.
const rows = [];
const addRow = (row) => {
  row.svg = svgEl("svg", { height: row.height, "aria-hidden": "true" });
  row.box = el("div", `row ${row.cls ?? ""}`, el("div", `label ${row.wide ? "wide" : ""}`,
    ...row.label), row.svg);
  row.times ??= [];
  row.box.firstChild.style.height = `${row.height}px`;
  rowsBox.append(row.box);
  rows.push(row);
};
const aside = (text, y) => {
  const node = el("em", "", text);
  node.title = show(text);
  node.style.top = `${y}px`;
  return node;
};

const totalsRow = (name, note, shapes, words) => {
  const all = shapes.flatMap((shape) => shape.bins.filter((value) => value !== null));
  if (!all.length) return;
  const low = all.reduce((a, b) => Math.min(a, b), 0);
  const high = all.reduce((a, b) => Math.max(a, b), low + 1);
  const top = 8, base = TOTAL - 8;
  const height = (value) => (value - low) / (high - low) * (base - top);
  const zero = base - height(0);
  addRow({
    label: [el("b", "", name), ...note.map((text) => el("i", "", text)),
      el("i", "", `${words(low)} to ${words(high)}`)],
    wide: true, height: TOTAL,
    draw: (svg) => {
      path(svg, "zero", `M0 ${zero}H${width}`);
      for (const shape of shapes) {
        const over = (value) => height(value) - height(0);
        path(svg, shape.cls, shape.fills ? area(shape.bins, zero, over, true)
          : line(shape.bins, base, height));
        if (low < 0) {
          const below = shape.bins.map((value) => value === null ? null : Math.min(value, 0));
          path(svg, "below", area(below, zero, over, true));
        }
      }
    },
    says: (ms) => [["head", name], ...shapes.map((shape) => {
      const value = at(shape.bins, ms, true);
      return ["", `${shape.name}: ${value === null ? "not known" : words(value)}`];
    })],
  });
};

// Of all hosts, in each bin: what stands until the next number comes.
const summed = (of) => {
  const sum = [];
  for (const host of run.hosts) {
    const bins = of(host);
    if (!bins.length) continue;
    for (let bin = 0, held = 0; bin < Math.ceil(length / run.bin_ms); bin += 1) {
      held = bins[bin] ?? held;
      sum[bin] = (sum[bin] ?? 0) + held;
    }
  }
  return sum;
};

// Partitions, LANs and changes for everybody. Those that begin and end together are one bar.
const networkRow = () => {
  const groups = new Map();
  for (const span of run.spans) {
    if (!GLOBAL.has(span.kind) && span.hosts.length) continue;
    const key = `${span.kind} ${span.from_ms} ${span.to_ms}`;
    if (!groups.has(key)) groups.set(key, { ...span, all: [] });
    groups.get(key).all.push(span);
  }
  const bars = [...groups.values()].sort((a, b) => a.from_ms - b.from_ms);
  const ends = [], last = [];
  for (const bar of bars) {
    bar.words = pair(bar) || bar.text || SPANS[bar.kind];
    if (bar.all.length > 1) {
      const a = [...new Set(bar.all.map((span) => span.hosts[0]))];
      const b = [...new Set(bar.all.flatMap((span) => span.hosts.slice(1)))];
      const mark = bar.kind === "one-way" ? "to" : "|";
      bar.words = a.some((host) => b.includes(host)) || !b.length
        ? `${bar.all.length} x ${SPANS[bar.kind]}`
        : `${SPANS[bar.kind]}: ${names(a)} ${mark} ${names(b)}`;
    }
    // A hair of room, so that bars that touch do not look like one.
    let row = ends.findIndex((end) => end + length / 500 <= bar.from_ms);
    if (row < 0) row = Math.min(ends.length, NET_MAX - 1);
    ends[row] = Math.max(bar.to_ms, ends[row] ?? 0);
    if (last[row]) last[row].next_ms = bar.from_ms;
    last[row] = bar;
    bar.next_ms = length;
    bar.row = row;
  }
  if (!bars.length) return;
  addRow({
    label: [el("b", "", "Network"), el("i", "", "partitions, LANs, changes")], wide: true,
    height: Math.max(40, ends.length * NET + 10),
    times: bars.flatMap((bar) => [bar.from_ms, bar.to_ms]),
    draw: (svg) => {
      const shapes = {}, texts = [];
      for (const bar of bars) {
        const y = 5 + bar.row * NET;
        shapes[bar.kind] = (shapes[bar.kind] ?? "") + rect(bar.from_ms, bar.to_ms, y, NET - 3);
        // The words stand in the bar, or else beside it if there is more room.
        const words = show(bar.words), from = x(bar.from_ms), to = x(bar.to_ms);
        const fits = (pixels) => Math.floor((pixels - 8) / 6.4);
        const isIn = fits(to - from) >= Math.min(words.length, fits(x(bar.next_ms) - to));
        const fit = fits(isIn ? to - from : x(bar.next_ms) - to);
        if (fit < 5) continue;
        texts.push(svgEl("text", {
          x: (isIn ? from : to) + 4, y: y + 9.2, class: isIn ? `on-${bar.kind}` : "beside",
        }, words.length > fit ? `${words.slice(0, fit - 2)}..` : words));
      }
      for (const [kind, d] of Object.entries(shapes)) path(svg, kind, d);
      svg.append(...texts);
    },
    says: (ms) => {
      const out = [["head", "Network"]], found = bars.filter(covers(ms));
      for (const bar of found.slice(0, 6)) {
        out.push(["", bar.all.length > 1
          ? `${bar.words}; ${clock(bar.from_ms)} to ${clock(bar.to_ms)}` : spanWords(bar)]);
        if (bar.all.length > 1) listed(out, "soft", bar.all, 3, (span) => pair(span) || span.text);
      }
      if (!found.length) out.push(["soft", "no partition"]);
      return out;
    },
  });
};

const peak = {}, riskTop = {};
for (const host of run.hosts) {
  const passed = host.carriers.flatMap((carrier) => [most(carrier.up), most(carrier.down)]);
  peak[host.kind] = Math.max(peak[host.kind] ?? 0, ...passed);
  riskTop[host.kind] = Math.max(riskTop[host.kind] ?? 0, most(host.backlog), most(host.lag));
}

const drawLane = (svg, host, index, lane) => {
  const spans = spansOf[index], tall = lane.height;
  for (const kind of ["host-down", "host-paused"]) {
    path(svg, kind, spans.filter((span) => span.kind === kind)
      .map((span) => rect(span.from_ms, span.to_ms, 0, tall)).join(""));
  }
  for (const kind of ["partition", "one-way"]) {
    path(svg, kind, spans.filter((span) => span.kind === kind)
      .map((span) => rect(span.from_ms, span.to_ms, 0, 3)).join(""));
  }
  host.carriers.forEach((carrier, place) => {
    const y = STRIP + place * BAND, mid = y + BAND / 2, half = BAND / 2 - 1;
    for (const kind of OUTAGES) {
      const own = (span) => span.kind === kind
        && (span.carrier === carrier.name || span.carrier === null);
      const high = kind === "uplink-silent" ? half : BAND - 2;
      path(svg, kind, spans.filter(own)
        .map((span) => rect(span.from_ms, span.to_ms, y + 1, high)).join(""));
    }
    const down = run.spans.filter((span) => span.kind === "lan-down"
      && span.carrier === carrier.name && (!span.hosts.length || span.hosts.includes(index)));
    path(svg, "carrier-down",
      down.map((span) => rect(span.from_ms, span.to_ms, y + 1, BAND - 2)).join(""));
    path(svg, "zero", `M0 ${mid}H${width}`);
    const height = log(peak[host.kind], half);
    path(svg, "up", area(carrier.up, mid, height));
    path(svg, "down", area(carrier.down, mid, (value) => -height(value)));
    path(svg, "changed", spans
      .filter((span) => span.kind === "changed" && span.carrier === carrier.name)
      .map((span) => rect(span.from_ms, span.from_ms, y, BAND)).join(""));
  });
  if (lane.risk) {
    const base = tall - 3, height = root(riskTop[host.kind], RISK - 6);
    path(svg, "zero", `M0 ${base}H${width}`);
    path(svg, "risk", area(host.backlog, base, height, true));
    path(svg, "lag", area(host.lag, base, height, true));
  }
  for (const kind of Object.keys(EVENTS)) {
    let d = "", last = -9;
    for (const event of eventsOf[index]) {
      if (event.kind !== kind || x(event.at_ms) - last < 4) continue;
      last = x(event.at_ms);
      d += glyph[kind](last, STRIP / 2 + 1);
    }
    path(svg, `e e-${kind}`, d);
  }
};

const laneSays = (host, index, ms) => {
  const out = [["head", `${host.name}${host.kind === "stall" ? "" : ` (${host.kind})`}`]];
  const near = eventsOf[index].filter((event) => Math.abs(event.at_ms - ms) <= 6 * msPerPx)
    .sort((a, b) => Math.abs(a.at_ms - ms) - Math.abs(b.at_ms - ms));
  for (const cls of ["violation", ""]) {
    const found = near.filter((event) => (event.kind === "violation") === (cls !== ""));
    listed(out, cls && "bad", found, 6, (event) =>
      `${clock(event.at_ms, true)} ${EVENTS[event.kind]}${event.text ? `: ${event.text}` : ""}`);
  }
  const lans = run.spans.filter((span) => span.kind === "lan-down" && !span.hosts.length
    && host.carriers.some((carrier) => carrier.name === span.carrier));
  const found = [...spansOf[index], ...lans].filter(covers(ms));
  listed(out, "", found.filter((span) => !GLOBAL.has(span.kind)), 8, spanWords);
  listed(out, "", found.filter((span) => GLOBAL.has(span.kind)), 3, spanWords);
  for (const carrier of host.carriers) {
    const rate = (bins) => `${bytes(perSecond(at(bins, ms)))}/s`;
    out.push(["", `${carrier.name}: up ${rate(carrier.up)}, down ${rate(carrier.down)}`]);
  }
  const backlog = at(host.backlog, ms, true), lag = at(host.lag, ms, true);
  if (backlog !== null) out.push(["", `${number(backlog)} events at risk`]);
  if (lag !== null) out.push(["", `${number(lag)} events behind the control`]);
  return out;
};

const hostRow = (host, index) => {
  const risk = host.backlog.length || host.lag.length;
  const lane = { risk };
  lane.height = Math.max(48, STRIP + host.carriers.length * BAND + (risk ? RISK : 4));
  const count = (kind) => eventsOf[index].filter((event) => event.kind === kind).length;
  const crashes = count("crash"), refused = count("refused");
  const notes = [host.kind === "stall" ? "" : host.kind,
    crashes && `${number(crashes)} crash${crashes > 1 ? "es" : ""}`,
    refused && `${number(refused)} refused`].filter(Boolean);
  const asides = host.carriers.map((carrier, place) =>
    aside(carrier.name, STRIP + place * BAND + 3));
  if (risk) asides.push(aside("risk, lag", lane.height - RISK / 2 - 7));
  addRow({
    label: [el("b", "", host.name), ...notes.slice(0, 3).map((note) => el("i", "", note)),
      ...asides],
    cls: count("violation") ? "broken" : "", height: lane.height, host: index,
    times: [...eventsOf[index].map((event) => event.at_ms),
      ...spansOf[index].flatMap((span) => [span.from_ms, span.to_ms])],
    draw: (svg) => drawLane(svg, host, index, lane),
    says: (ms) => laneSays(host, index, ms),
  });
  rows.at(-1).box.firstChild.title = show(host.name);
};
