// Turns answers into elements. Text only ever enters as text, never as markup.

import { scrub } from "/ui/scrub.js";

export const CHANNELS = {
  visual: { word: "seen", why: "The picture fits" },
  transcript: { word: "said", why: "What is said means it" },
  summary: { word: "told", why: "The description fits" },
  lexical: { word: "words", why: "The words are said" },
};

const ICONS = {
  seen: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  said: "M4 5.5h16v10.5H11l-4.5 3.5V16H4Z",
  told: "M6 4h12v16H6ZM9 8.5h6M9 12h6M9 15.5h4",
  words: "M5 17c2.5-1 3.5-3 3.5-6H5V6.5h5V11c0 4-1.5 6.5-4.5 7.5ZM14 17c2.5-1 3.5-3 3.5-6H14V6.5h5V11c0 4-1.5 6.5-4.5 7.5Z",
};

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A photo is a scene without length. */
export const isPhoto = (hit) => hit.end_s === hit.start_s;

/** Seconds as 1:02 or 1:02:03, the way players write them. */
export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** The lines of a receipt, those that added most first. */
function lines(hit) {
  return hit.matched
    .map((match) => ({ ...match, part: match.normalised * match.weight }))
    .filter((match) => match.rank !== null || match.part > 0)
    .sort((a, b) => b.part - a.part);
}

/** The channels whose evidence counts for a hit, most important first. */
export function reasons(hit) {
  return [...new Set(lines(hit).filter((match) => match.label !== "none").map((match) => match.channel))];
}

/** What is told about the picture, where that counts. */
export const told = (hit) => hit.matched.find((match) => match.channel === "summary" && match.label !== "none")?.text ?? "";

export function label(hit) {
  const made = element("span", { class: `label ${hit.label}` });
  made.append(element("i", { "aria-hidden": "true" }), hit.label === "none" ? "no match" : hit.label);
  return made;
}

export function tag(channel) {
  const { word, why } = CHANNELS[channel] ?? { word: channel, why: channel };
  return element("span", { class: `tag ${word}`, title: why }, ICONS[word] ? icon(word) : "", word);
}

/** The snippet with the query's words marked. */
export function marked(text, query) {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? [];
  const piece = document.createDocumentFragment();
  for (const part of text.split(/([\p{L}\p{N}]+)/u)) {
    const low = part.toLowerCase();
    const hit = words.some((word) => low === word || (word.length > 3 && low.startsWith(word)) || (/\p{Script=Hangul}/u.test(word) && low.startsWith(word)));
    piece.append(hit ? element("mark", {}, part) : part);
  }
  return piece;
}

export function card(hit, query) {
  const image = element("img", { src: hit.thumbnail_url, alt: `${hit.title} at ${clock(hit.start_s)}`, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(element("span", { class: "no-picture" }, "no picture")), { once: true });
  const then = (hit.then ?? []).map((step) => ` → ${clock(step.start_s)}`).join("");
  const time = isPhoto(hit) ? "photo" : `${clock(hit.start_s)} – ${clock(hit.end_s)}${then}`;
  const picture = element("span", { class: "picture" }, image, label(hit), element("span", { class: "time" }, time));
  if (!isPhoto(hit)) scrub(picture, hit);
  const tags = element("span", { class: "tags" }, ...reasons(hit).map(tag));
  const text = element("span", { class: "snippet" });
  const spoken = reasons(hit).some((channel) => channel === "transcript" || channel === "lexical");
  if (hit.snippet && spoken) text.append(marked(hit.snippet, query));
  const about = told(hit);
  const button = element(
    "button",
    { type: "button", class: "card", "aria-label": `${hit.rank}. ${hit.title}, ${time}, ${hit.label} match. ${hit.snippet}` },
    picture,
    element("span", { class: "text" }, element("strong", {}, hit.title), tags, text, about ? element("span", { class: "told" }, about) : ""),
  );
  return button;
}

/** One row a channel: how much it added to the score, and where it stood there. */
export function receipt(hit) {
  const rows = document.createDocumentFragment();
  for (const match of lines(hit)) {
    const bar = element("i", { class: `bar ${CHANNELS[match.channel]?.word ?? ""}` });
    const fill = element("b");
    fill.style.width = `${Math.round(100 * Math.max(0, Math.min(1, match.normalised)))}%`;
    bar.append(fill);
    const place = match.label === "none" ? "does not count" : match.rank === null ? "reordered" : `no. ${match.rank}`;
    const kind = match.label === "none" ? "idle" : "";
    rows.append(element("dt", { class: kind }, tag(match.channel)), element("dd", {}, bar, element("span", {}, place)));
  }
  return rows;
}

/** A line of information; what stands in `backticks` is something to type. */
export function note(kind, text, ...more) {
  const pieces = text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
  return element("p", { class: `note ${kind}` }, element("span", {}, ...pieces), ...more);
}
