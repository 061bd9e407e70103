// The server's answers as objects; every failure as an Error with a remedy.

export class Problem extends Error {
  constructor(detail, remedy) {
    super(detail);
    this.remedy = remedy || "";
  }
}

async function call(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer.", "Start it again with: heimdex serve");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(body.detail || `The server answered ${response.status}.`, body.remedy);
  return body;
}

const sent = (method, body) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const search = (query, { limit = 24, signal, ...options }) =>
  call("/v1/search", { ...sent("POST", { query, limit, ...options }), signal });

export function searchPicture(picture, query, { limit = 24, signal, group_by, ...options }) {
  const form = new FormData();
  form.append("image", picture);
  form.append("query", query);
  form.append("limit", String(limit));
  if (group_by) form.append("per_video", "1");
  form.append("options", JSON.stringify(options));
  return call("/v1/search/image", { method: "POST", body: form, signal });
}

export const similar = (sceneId, { limit = 24, signal }) =>
  call(`/v1/scenes/${encodeURIComponent(sceneId)}/similar?limit=${limit}`, { signal });

/** Counts that a hit was played; nobody waits for it. */
export const opened = (mode) =>
  fetch("/v1/opened", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ mode }),
    keepalive: true,
  }).catch(() => {});

export const status = () => call("/v1/status");
export const video = (id) => call(`/v1/videos/${encodeURIComponent(id)}`);
export const tags = () => call("/v1/tags");
const tagAddress = (id, tag) => `/v1/videos/${encodeURIComponent(id)}/tags/${encodeURIComponent(tag)}`;
export const addTag = (id, tag) => call(tagAddress(id, tag), { method: "PUT" });
export const removeTag = (id, tag) => call(tagAddress(id, tag), { method: "DELETE" });
export const preferences = () => call("/v1/preferences/search");
export const savePreferences = (body) => call("/v1/preferences/search", sent("PUT", body));
export const forgetPreferences = () => call("/v1/preferences/search", { method: "DELETE" });
