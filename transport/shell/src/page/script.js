// The whole script of the live pages: parts that renew themselves, and the basket.
// It decides nothing. What it builds it builds from text, never from markup of its own.
"use strict";

const get = (id) => document.getElementById(id);

// --- Parts that renew themselves. What somebody is filling in stays as it is.
const LOOK_EVERY_MS = 2000;
// The buttons too, less often: a new price bundle comes into force while the page is open.
const ITEMS_EVERY_LOOKS = 4;
let answered = new Date();
let looks = 0;

function put(markup) {
  const fresh = new DOMParser().parseFromString(markup, "text/html");
  for (const part of [...fresh.body.children]) {
    const old = get(part.id);
    if (!old || old.outerHTML === part.outerHTML || old.contains(document.activeElement)) continue;
    const filled = [...old.querySelectorAll("input")].some((one) => one.value !== one.defaultValue);
    if (!filled) old.replaceWith(part);
  }
}

async function fetchPart(path) {
  const answer = await fetch(path, { redirect: "manual", signal: AbortSignal.timeout(10000) });
  if (answer.type === "opaqueredirect") location.reload();
  if (!answer.ok) throw new Error("no parts");
  return answer.text();
}

async function look() {
  try {
    if (!document.hidden) {
      put(await fetchPart(document.body.dataset.live));
      looks += 1;
      if (shop && looks % ITEMS_EVERY_LOOKS === 0) await findItems();
      answered = new Date();
    }
    get("stale").hidden = true;
  } catch {
    get("stale").querySelector("span").textContent = answered.toLocaleTimeString();
    get("stale").hidden = false;
  }
  setTimeout(look, LOOK_EVERY_MS);
}
if (document.body.dataset.live) setTimeout(look, LOOK_EVERY_MS);

// --- The basket. It is kept for this tab, with the key that makes it one sale however often it is
// sent; the time of sale is set at the first sending, so that a repeat says the same.
const KEEP = "tentpole basket";
const shop = get("shop");
const load = () => JSON.parse(sessionStorage.getItem(KEEP) || "null");
const save = () => sessionStorage.setItem(KEEP, JSON.stringify(basket));
let basket = null;

function emptyBasket() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  const key = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { key: "basket-" + key, lines: [], sold_at: null, sent: false };
}

function money(minor) {
  const digits = Number(shop.dataset.digits);
  const text = String(Math.abs(minor)).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, "'");
  return (minor < 0 ? "-" : "") + whole + (digits ? "." + text.slice(-digits) : "");
}

// A decimal number as an integer of `digits` places, or null.
function decimal(text, digits) {
  const parts = /^(\d{1,9})(?:[.,](\d*))?$/.exec(text.trim());
  if (!parts || (parts[2] || "").length > digits) return null;
  return Number(parts[1] + (parts[2] || "").padEnd(digits, "0"));
}

const amountOf = (line) => Math.floor((line.price * line.quantity + 500) / 1000);
const due = () => basket.lines.reduce((sum, line) => sum + amountOf(line), 0);
const tender = () => shop.querySelector("[name=tender]:checked").value;
const given = () => (tender() === "cash" && get("given").value.trim() !== ""
  ? decimal(get("given").value, Number(shop.dataset.digits)) : due());

function element(tag, text, settings) {
  return Object.assign(document.createElement(tag), { textContent: text }, settings);
}

// What changes after it was sent is no repeat of it: its time of sale is another. Its key stays, so
// that the till hears of it if the first was taken after all. Emptied before it was sent, it is
// another customer's.
function changed() {
  basket.sold_at = null;
  if (basket.lines.length === 0 && !basket.sent) basket = emptyBasket();
  show();
}

function change(line, quantity) {
  if (quantity === null || quantity > 1e9 || quantity === line.quantity) return show();
  line.quantity = quantity;
  basket.lines = basket.lines.filter((kept) => kept.quantity > 0);
  changed();
}

function row(line) {
  const step = (text, by, label) => {
    const button = element("button", text, { type: "button", ariaLabel: label + " " + line.name });
    button.onclick = () => change(line, Math.max(0, line.quantity + by));
    return button;
  };
  const amount = element("input", "", { value: line.quantity / 1000, inputMode: "decimal" });
  amount.ariaLabel = "Quantity of " + line.name;
  amount.onchange = () => change(line, decimal(amount.value, 3));
  const steps = element("span", "", { className: "steps" });
  steps.append(step("-", -1000, "Less"), amount, step("+", 1000, "More"));
  const item = element("li", "");
  item.append(element("span", line.name), element("strong", money(amountOf(line))),
    element("small", money(line.price) + " each"), steps);
  return item;
}

function show() {
  save();
  get("lines").replaceChildren(...basket.lines.map(row));
  get("due").textContent = money(due());
  const [paid, cash] = [given(), tender() === "cash"];
  const short = paid === null || paid < due();
  get("cash").hidden = !cash;
  get("change").textContent = short ? "-" : money(paid - due());
  get("pay").disabled = basket.lines.length === 0 || short;
  get("empty").hidden = basket.lines.length > 0;
  get("clear").hidden = basket.lines.length === 0;
}

function add({ sku, name, price, bundle }) {
  const same = (kept) => kept.sku === sku && kept.price === Number(price) && kept.bundle === bundle;
  const line = basket.lines.find(same);
  if (line) line.quantity += 1000;
  else basket.lines.push({ sku, name, price: Number(price), bundle, quantity: 1000 });
  changed();
}

function localTime() {
  const now = new Date();
  const offset = -now.getTimezoneOffset();
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const east = Math.abs(offset);
  const zone = (offset < 0 ? "-" : "+") + two(east / 60) + ":" + two(east % 60);
  return new Date(now.getTime() + offset * 60000).toISOString().slice(0, 19) + zone;
}

function fill() {
  basket.sold_at = basket.sold_at || localTime();
  basket.sent = true;
  save();
  // The sale names the bundle of its first priced line; a line from another names that.
  const price_bundle = (basket.lines.find((line) => line.bundle) || {}).bundle;
  const lines = basket.lines.map(({ sku, price, quantity, bundle }) =>
    ({ sku, quantity, amount: amountOf({ price, quantity }), unit_price: price,
      price_bundle: bundle === price_bundle ? undefined : bundle }));
  const tenders = [{ kind: tender(), amount: given() }];
  const { currency } = shop.dataset;
  get("key").value = basket.key;
  get("sale").value = JSON.stringify(
    { sold_at: basket.sold_at, currency, lines, tenders, price_bundle });
}

function resume() {
  basket = load();
  const done = document.querySelector("[data-sold]");
  if (done && basket && done.dataset.sold === basket.key) sessionStorage.removeItem(KEEP);
  if (!shop) return;
  basket = basket || emptyBasket();
  show();
}

let asked = 0;
async function findItems() {
  const mine = ++asked;
  const found = await fetchPart("/items?find=" + encodeURIComponent(get("find").value));
  const fresh = new DOMParser().parseFromString(found, "text/html").body;
  if (mine === asked && fresh.innerHTML !== get("items").innerHTML)
    get("items").replaceChildren(...fresh.childNodes);
}

if (shop) {
  get("items").onclick = (event) => {
    const button = event.target.closest("button[data-sku]");
    if (button) add(button.dataset);
  };
  get("find").oninput = () => findItems().catch(() => { asked += 1; });
  get("clear").onclick = () => { basket = emptyBasket(); get("given").value = ""; show(); };
  get("payment").oninput = show;
  get("payment").onsubmit = fill;
}
// Also when the browser shows the page again as it was left.
addEventListener("pageshow", resume);
