// The page: the address says what is searched and what is played, the rest follows from it.

import * as api from "/ui/api.js";
import * as filters from "/ui/filters.js";
import * as picture from "/ui/picture.js";
import * as player from "/ui/player.js";
import { card, element, note } from "/ui/show.js";
import * as tags from "/ui/tags.js";
import * as weights from "/ui/weights.js";

const EXAMPLES = ["red car", "빨간 자동차", "black dog", "two spoons of honey"];

const at = (id) => document.getElementById(id);
const [form, query, results, notes, summary] = [at("form"), at("query"), at("results"), at("notes"), at("summary")];

let answer = null;
let current = -1;
let running = null;
let further = null; // asks for the page behind a cursor

const mode = () => form.elements.mode.value;
const cards = () => [...results.querySelectorAll(".card")];

// --- searching

/** Everything that stands beside the words. */
function options(includeWeak) {
  const weighed = weights.ignoresSaved() ? { use_saved_preferences: false } : { weights: weights.wanted() };
  return { mode: mode(), include_weak: includeWeak, ...weighed, ...filters.options() };
}

function run(text, { includeWeak = false } = {}) {
  document.title = `${text || "A picture"} · heimdex`;
  const look = picture.chosen();
  const asked = options(includeWeak);
  if (look) return show(text, includeWeak, (signal) => api.searchPicture(look, text, { ...asked, signal }));
  return show(text, includeWeak, (signal) => api.search(text, { ...asked, signal }), (cursor) => api.search(text, { ...asked, cursor }));
}

/** More moments that look like one; the query stays where it is, to come back to. */
function alike(hit) {
  history.replaceState(null, "", address());
  document.title = `Like ${hit.title} · heimdex`;
  return show("", true, (signal) => api.similar(hit.scene_id, { signal }));
}

async function show(text, includeWeak, ask, onward = null) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  player.close();
  current = -1;
  document.body.classList.remove("at-rest");
  notes.replaceChildren();
  further = onward;
  at("more").hidden = true;
  const waiting = setTimeout(showWaiting, 150);
  try {
    answer = await ask(signal);
    showAnswer(text, includeWeak);
  } catch (error) {
    if (error.name === "AbortError") return;
    answer = null;
    results.replaceChildren();
    summary.textContent = "";
    notes.replaceChildren(note("bad", error.message, element("span", {}, error.remedy ?? "")));
  } finally {
    clearTimeout(waiting);
    results.removeAttribute("aria-busy");
  }
}

function showWaiting() {
  results.setAttribute("aria-busy", "true");
  summary.textContent = "Searching …";
  results.replaceChildren(...Array.from({ length: 6 }, () => element("li", { class: "waiting" }, element("i"), element("b"))));
}

function showAnswer(text, includeWeak) {
  const hits = answer.results;
  results.replaceChildren(...hits.map((hit, index) => entry(hit, index, text)));
  at("more").hidden = !further || !answer.next_cursor;
  showSummary(hits);
  const lines = [];
  if (answer.degraded) lines.push(note("bad", "Part of the search did not answer; this is what the rest found.", element("span", {}, answer.degraded_reasons.map(inWords).join(", "))));
  if (!hits.length) lines.push(nothing(text, includeWeak));
  for (const notice of answer.notices) lines.push(note("info", notice));
  notes.replaceChildren(...lines);
}

function entry(hit, index, text) {
  const button = card(hit, text);
  button.addEventListener("click", () => play(index));
  return element("li", {}, button);
}

/** The next page, below the ones before; the focus goes to its first moment. */
async function more() {
  const button = at("more");
  button.disabled = true;
  try {
    const next = await further(answer.next_cursor);
    const from = answer.results.length;
    answer = { ...answer, results: [...answer.results, ...next.results], next_cursor: next.next_cursor };
    results.append(...next.results.map((hit, index) => entry(hit, from + index, answer.query)));
    showSummary(answer.results);
    button.hidden = !answer.next_cursor;
    cards()[from]?.focus();
  } catch (error) {
    notes.append(note("bad", error.message, element("span", {}, error.remedy ?? "")));
  } finally {
    button.disabled = false;
  }
}

const LOSSES = {
  clip: "pictures", visual: "pictures", rerank: "pictures", text: "the meaning of words", transcript: "the meaning of what is said",
  summary: "descriptions", lexical: "exact words", without: "what should not be seen", stale: "an older embedding was used", preferences: "saved weights",
};
const HOW = { timeout: "too slow", unavailable: "not there", auth: "refused", invalid: "gave nonsense", error: "failed" };

/** clip_timeout -> pictures: too slow */
function inWords(reason) {
  const [what, how] = [reason.slice(0, reason.indexOf("_")), reason.slice(reason.indexOf("_") + 1)];
  return LOSSES[what] ? `${LOSSES[what]}${HOW[how] ? `: ${HOW[how]}` : ""}` : reason;
}

function showSummary(hits) {
  const { used, requested, reason } = answer.mode;
  const some = answer.next_cursor ? "The first " : "";
  const found = hits.length === 1 ? "1 moment" : `${some}${hits.length} moments`;
  const how = { recall: "pictures and words searched", rerank: "words searched, pictures put in order", skip: "only words searched" }[used];
  summary.replaceChildren(
    element("strong", {}, hits.length ? found : "No moment"),
    element("span", {}, `${Math.max(1, Math.round(answer.took_ms))} ms`),
    element("span", { title: reason }, element("b", { class: "mode" }, requested === "auto" ? `auto → ${used}` : used), ` ${how}`),
    element("span", { class: "reason" }, reason),
  );
}

function nothing(text, includeWeak) {
  const box = element("div", { class: "nothing" }, element("h2", {}, "No good match"));
  const where = filters.filter() ? "What the filters admit" : "Nothing in this library";
  const what = text ? `${filters.filter() ? "does not clearly show or say" : "clearly shows or says"} “${text}”` : "looks like that picture";
  box.append(element("p", {}, `${where} ${what}.`));
  if (!includeWeak) {
    const more = element("button", { type: "button", class: "quiet" }, "Show the nearest scenes anyway");
    more.addEventListener("click", () => run(text, { includeWeak: true }));
    box.append(more);
  }
  return box;
}

// --- playing

function play(index, { remember = true } = {}) {
  const hit = answer?.results[index];
  if (!hit) return;
  current = index;
  cards().forEach((one, place) => one.classList.toggle("playing", place === index));
  player.open(hit, answer.query, { hasPrevious: index > 0, hasNext: index < answer.results.length - 1 });
  at("stage").scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
  if (!remember) return;
  history.replaceState(null, "", address(hit));
  api.opened(answer.mode.used);
}

function stop() {
  player.close();
  cards().forEach((one) => one.classList.remove("playing"));
  history.replaceState(null, "", address());
  cards()[current]?.focus();
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// --- the address

function address(hit = null) {
  const parts = new URLSearchParams();
  if (query.value.trim()) parts.set("q", query.value.trim());
  if (mode() !== "auto") parts.set("mode", mode());
  filters.toAddress(parts);
  if (hit) parts.set("v", hit.video_id);
  const time = hit ? `#t=${hit.start_s.toFixed(3)},${hit.end_s.toFixed(3)}` : "";
  return `/?${parts}${time}`;
}

async function follow() {
  const parts = new URLSearchParams(location.search);
  const text = (parts.get("q") ?? "").trim();
  query.value = text;
  const wanted = [...form.elements.mode].find((option) => option.value === (parts.get("mode") ?? "auto"));
  if (wanted) wanted.checked = true;
  filters.fromAddress(parts);
  const time = /^#t=([\d.]+)(?:,([\d.]+))?/.exec(location.hash);
  const id = parts.get("v");
  if (!text) rest();
  else await run(text);
  if (id && time) await playLinked(id, Number(time[1]), Number(time[2] ?? time[1]));
}

async function playLinked(id, start, end) {
  const index = answer?.results.findIndex((hit) => hit.video_id === id && Math.abs(hit.start_s - start) < 0.01) ?? -1;
  if (index >= 0) return play(index, { remember: false });
  try {
    const { title, stream_url, duration_s } = await api.video(id);
    const hit = { title, stream_url, start_s: start, end_s: end > start ? end : duration_s, matched: [], snippet: "" };
    player.open(hit, query.value, { hasPrevious: false, hasNext: false });
  } catch (error) {
    notes.append(note("bad", error.message, element("span", {}, error.remedy ?? "")));
  }
}

function rest() {
  running?.abort();
  player.close();
  answer = null;
  document.body.classList.add("at-rest");
  document.title = "heimdex";
  results.replaceChildren();
  notes.replaceChildren();
  summary.replaceChildren();
  showLibrary();
}

async function showLibrary() {
  try {
    const { videos, scenes, hours, unreadable } = await api.status();
    const length = hours >= 1 ? `${hours.toFixed(1)} h` : `${Math.max(1, Math.round(hours * 60))} min`;
    at("library").textContent = videos ? `${videos} ${videos === 1 ? "video" : "videos"} · ${scenes} scenes · ${length}` : "The library is empty";
    at("library").title = unreadable.length ? `${unreadable.length} files are not searchable: heimdex status` : "";
    if (!videos) notes.replaceChildren(note("info", "Nothing is indexed yet.", element("code", {}, "heimdex index ~/Videos")));
  } catch (error) {
    notes.replaceChildren(note("bad", error.message, element("span", {}, error.remedy ?? "")));
  }
}

// --- hands

function submit() {
  const text = query.value.trim();
  if (!text && !picture.chosen()) return query.focus();
  history.pushState(null, "", address());
  query.blur();
  run(text);
}

/** What stands beside the words changed: search again if there is something to search for. */
function changed() {
  if (query.value.trim() || picture.chosen()) submit();
  else if (!at("results").children.length) rest();
}

function toggle(panel, button, open = at(panel).hidden) {
  at(panel).hidden = !open;
  at(button).setAttribute("aria-expanded", String(open));
}

const PANELS = { filters: "open-filters", weights: "open-weights" };

/** Move the focus through the grid as the eye would. */
function step(key) {
  const all = cards();
  const from = all.indexOf(document.activeElement);
  if (from < 0) return all[0]?.focus();
  const columns = all.filter((one) => one.offsetTop === all[0].offsetTop).length;
  const to = from + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (to < 0 && key === "ArrowUp") query.focus();
  else all[to]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key, target } = event;
  const typing = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
  const panel = Object.keys(PANELS).find((name) => at(name).contains(target));
  if (key === "Escape" && panel) {
    toggle(panel, PANELS[panel], false);
    at(PANELS[panel]).focus();
    return;
  }
  if (key === "/" && !(typing && target.type !== "checkbox" && target.type !== "radio")) {
    event.preventDefault();
    query.select();
    query.focus();
  } else if (key === "Escape" && player.isOpen()) stop();
  else if (key === "ArrowDown" && target === query && cards().length) {
    event.preventDefault();
    cards()[0].focus();
  } else if (typing || target instanceof HTMLVideoElement || !key.startsWith("Arrow") || !answer?.results.length) return;
  else {
    event.preventDefault();
    if (player.isOpen() && key === "ArrowLeft") play(current - 1);
    else if (player.isOpen() && key === "ArrowRight") play(current + 1);
    else step(key);
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
form.addEventListener("change", (event) => {
  if (event.target.name === "mode" && query.value.trim()) submit();
});
at("examples").append(
  ...EXAMPLES.map((text) => {
    const chip = element("button", { type: "button", class: "chip" }, text);
    chip.addEventListener("click", () => {
      query.value = text;
      submit();
    });
    return element("li", {}, chip);
  }),
);
at("close").addEventListener("click", stop);
at("previous").addEventListener("click", () => play(current - 1));
at("next").addEventListener("click", () => play(current + 1));
at("similar").addEventListener("click", () => answer?.results[current] && alike(answer.results[current]));
at("copy").addEventListener("click", async () => {
  const button = at("copy");
  await navigator.clipboard?.writeText(location.href).catch(() => {});
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy link"), 1500);
});
at("more").addEventListener("click", more);
for (const [panel, button] of Object.entries(PANELS)) at(button).addEventListener("click", () => toggle(panel, button));
filters.start(changed);
picture.start(changed);
tags.start(() => filters.showTags());
addEventListener("popstate", follow);
showLibrary();
weights.start(changed);
follow();
