// Where to look: tags, speech, dates and order. What is chosen stands in the address.

import * as api from "/ui/api.js";
import { element } from "/ui/show.js";

const at = (id) => document.getElementById(id);
let chosen = new Set(); // tags; kept here, because those that there are come later than the address
const tags = () => [...chosen];

/** The filter as it goes over the wire, nothing without any condition. */
export function filter() {
  const found = {};
  if (tags().length) found.all = tags().map((tag) => ({ tags: [tag] }));
  if (at("filter-speech").value) found.has_speech = at("filter-speech").value === "yes";
  if (at("filter-language").value) found.languages = [at("filter-language").value];
  if (at("filter-after").value) found.after = at("filter-after").value;
  if (at("filter-before").value) found.before = at("filter-before").value;
  return Object.keys(found).length ? found : undefined;
}

export const options = () => ({
  filter: filter(),
  sort: at("filter-sort").value === "time" ? "time" : undefined,
  group_by: at("filter-group").checked ? "video" : undefined,
});

const SIMPLE = { speech: "filter-speech", lang: "filter-language", after: "filter-after", before: "filter-before", sort: "filter-sort" };

export function toAddress(parts) {
  for (const tag of tags()) parts.append("tag", tag);
  for (const [name, id] of Object.entries(SIMPLE)) if (at(id).value) parts.set(name, at(id).value);
  if (at("filter-group").checked) parts.set("group", "video");
}

export function fromAddress(parts) {
  for (const [name, id] of Object.entries(SIMPLE)) at(id).value = parts.get(name) ?? "";
  at("filter-group").checked = parts.get("group") === "video";
  chosen = new Set(parts.getAll("tag"));
  paint();
  showTags();
}

/** Show the tags that there are; chosen ones also when no video has them any more. */
export async function showTags() {
  const every = await api.tags().catch(() => []);
  const names = [...new Set([...every.map(({ tag }) => tag), ...chosen])];
  at("filter-tags").replaceChildren(
    ...names.map((tag) => {
      const box = element("input", { type: "checkbox", value: tag });
      box.checked = chosen.has(tag);
      box.addEventListener("change", () => (box.checked ? chosen.add(tag) : chosen.delete(tag)));
      return element("label", { class: "pick" }, box, element("span", {}, tag));
    }),
  );
  if (!names.length) at("filter-tags").append(element("span", { class: "hint" }, "No video has a tag yet. Tag one in the player."));
}

function paint() {
  const set = [...tags(), ...Object.values(SIMPLE).filter((id) => at(id).value), ...(at("filter-group").checked ? ["group"] : [])];
  at("filters-now").textContent = set.length ? String(set.length) : "";
  at("clear-filters").disabled = !set.length;
}

export function start(onChange) {
  at("filters").addEventListener("change", () => {
    paint();
    onChange();
  });
  at("clear-filters").addEventListener("click", () => {
    fromAddress(new URLSearchParams());
    onChange();
  });
}
