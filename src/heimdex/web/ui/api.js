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

export const search = (query, { mode, includeWeak = false, limit = 24, signal }) =>
  call("/v1/search", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, mode, limit, include_weak: includeWeak }),
    signal,
  });

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
