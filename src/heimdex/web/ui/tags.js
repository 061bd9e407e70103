// The tags of the video in the player: shown, added, taken off.

import * as api from "/ui/api.js";
import { element } from "/ui/show.js";

const at = (id) => document.getElementById(id);
let video = null;
let changed = () => {};

export function start(onChange) {
  changed = onChange;
  at("tag-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const tag = at("tag-new").value.trim();
    if (!tag || !video) return;
    await change(() => api.addTag(video, tag));
    at("tag-new").value = "";
  });
}

/** Show the tags of a video; whatever fails leaves the player as it is. */
export async function show(videoId) {
  video = videoId;
  at("tag-form").hidden = !videoId;
  at("about-tags").replaceChildren();
  at("tag-told").textContent = "";
  if (!videoId) return;
  const found = await api.video(videoId).catch(() => null);
  if (found && video === videoId) paint(found.tags);
}

async function change(work) {
  const of = video;
  try {
    const { tags } = await work();
    at("tag-told").textContent = "";
    if (video === of) paint(tags);
    changed();
  } catch (error) {
    at("tag-told").textContent = `${error.message} ${error.remedy ?? ""}`.trim();
  }
}

function paint(tags) {
  at("about-tags").replaceChildren(
    ...tags.map((tag) => {
      const off = element("button", { type: "button", "aria-label": `Take off the tag ${tag}`, title: "Take it off" }, "×");
      off.addEventListener("click", () => change(() => api.removeTag(video, tag)));
      return element("li", {}, tag, off);
    }),
  );
}
