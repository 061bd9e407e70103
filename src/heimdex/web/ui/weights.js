// What counts how much: a preset or four sliders, for this visit or saved for every search.

import * as api from "/ui/api.js";
import { element, note } from "/ui/show.js";

const at = (id) => document.getElementById(id);
const CHANNELS = ["visual", "transcript", "summary", "lexical"];
const NAMES = { balanced: "balanced", seen: "what is seen", said: "what is said", exact: "exact words" };

let presets = { balanced: {} };
let settings = {};
let inForce = {};
let moved = false;

const slider = (channel) => at(`weight-${channel}`);
const chosen = () => Object.fromEntries(CHANNELS.map((channel) => [channel, Number(slider(channel).value)]));
const same = (a, b) => CHANNELS.every((channel) => Math.abs((a[channel] ?? 0) - (b[channel] ?? 0)) < 0.005);
const presetOf = (weights) => Object.keys(presets).find((name) => same({ ...settings, ...presets[name] }, weights));

/** The weights of the next search; nothing while those in force are left alone. */
export const wanted = () => (moved && !same(chosen(), inForce) ? chosen() : undefined);
/** Whether the next search leaves saved weights out: the settings' own are wanted, and the query may move them. */
export const ignoresSaved = () => moved && presetOf(chosen()) === "balanced";

function paint() {
  const now = chosen();
  const preset = presetOf(now);
  for (const channel of CHANNELS) at(`weight-${channel}-now`).textContent = `${Math.round(now[channel] * 100)}`;
  for (const option of document.getElementsByName("preset")) option.checked = option.value === preset;
  at("weights-now").textContent = preset ? NAMES[preset] : "your own";
  at("save-weights").disabled = same(now, inForce) || CHANNELS.every((channel) => now[channel] === 0);
}

function set(weights) {
  for (const channel of CHANNELS) slider(channel).value = weights[channel] ?? 0;
  paint();
}

function take(told) {
  presets = told.presets;
  inForce = Object.fromEntries(CHANNELS.map((channel) => [channel, told.in_force[channel].value]));
  if (!Object.keys(told.weights).length) settings = inForce;
  moved = false;
  set(inForce);
}

async function keep(change, done) {
  try {
    take(await change());
    at("weights-told").replaceChildren(done);
  } catch (error) {
    at("weights-told").replaceChildren(note("bad", error.message, element("span", {}, error.remedy ?? "")));
  }
}

export async function start(onChange) {
  for (const channel of CHANNELS) {
    slider(channel).addEventListener("input", () => {
      moved = true;
      at("weights-told").replaceChildren();
      paint();
    });
    slider(channel).addEventListener("change", onChange);
  }
  for (const option of document.getElementsByName("preset"))
    option.addEventListener("change", () => {
      moved = true;
      set({ ...settings, ...presets[option.value] });
      onChange();
    });
  at("save-weights").addEventListener("click", () => {
    const preset = presetOf(chosen());
    keep(() => api.savePreferences(preset ? { preset } : { weights: chosen() }), "Saved for every search.");
  });
  at("forget-weights").addEventListener("click", async () => {
    await keep(api.forgetPreferences, "Back to the settings.");
    onChange();
  });
  try {
    const told = await api.preferences();
    settings = told.settings;
    take(told);
  } catch {
    at("open-weights").hidden = true; // the search itself will say what is wrong
  }
}
