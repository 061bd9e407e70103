// The page: the address says what is searched and what is played, the rest follows from it.

import * as api from "/ui/api.js";
import * as player from "/ui/player.js";
import { card, element, note } from "/ui/show.js";

const EXAMPLES = ["red car", "빨간 자동차", "black dog", "two spoons of honey"];

const at = (id) => document.getElementById(id);
const [form, query, results, notes, summary] = [at("form"), at("query"), at("results"), at("notes"), at("summary")];

let answer = null;
let current = -1;
let running = null;

const mode = () => form.elements.mode.value;
const cards = () => [...results.querySelectorAll(".card")];

// --- searching

function run(text, { includeWeak = false } = {}) {
  document.title = `${text} · heimdex`;
  return show(text, includeWeak, (signal) => api.search(text, { mode: mode(), includeWeak, signal }));
}

/** More moments that look like one; the query stays where it is, to come back to. */
function alike(hit) {
  history.replaceState(null, "", address());
  document.title = `Like ${hit.title} · heimdex`;
  return show("", true, (signal) => api.similar(hit.scene_id, { signal }));
}

async function show(text, includeWeak, ask) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  player.close();
  current = -1;
  document.body.classList.remove("at-rest");
  notes.replaceChildren();
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
  results.replaceChildren(
    ...hits.map((hit, index) => {
      const button = card(hit, text);
      button.addEventListener("click", () => play(index));
      return element("li", {}, button);
    }),
  );
  showSummary(hits);
  const lines = [];
  if (answer.degraded) lines.push(note("bad", "Part of the search did not answer; this is what the rest found.", element("span", {}, answer.degraded_reasons.join(", "))));
  if (!hits.length) lines.push(nothing(text, includeWeak));
  for (const notice of answer.notices) lines.push(note("info", notice));
  notes.replaceChildren(...lines);
}

function showSummary(hits) {
  const { used, requested, reason } = answer.mode;
  const found = hits.length === 1 ? "1 moment" : `${hits.length} moments`;
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
  box.append(element("p", {}, `Nothing in this library clearly shows or says “${text}”.`));
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
  if (!text) return query.focus();
  history.pushState(null, "", address());
  query.blur();
  run(text);
}

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
  const typing = target instanceof HTMLInputElement;
  if (key === "/" && target !== query) {
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
addEventListener("popstate", follow);
showLibrary();
follow();
