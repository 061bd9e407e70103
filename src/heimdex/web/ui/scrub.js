// Shows what happens in a scene while the pointer moves over its picture, left to right.

/** The tiles of a sprite index (WebVTT): [{start, end, x, y, width, height}], times in seconds. */
export function tiles(text) {
  const cue = /([\d:.]+) --> ([\d:.]+)\s+\S+#xywh=(\d+),(\d+),(\d+),(\d+)/g;
  const seconds = (clock) => clock.split(":").reduce((whole, part) => 60 * whole + Number(part), 0);
  return [...text.matchAll(cue)].map(([, start, end, ...box]) => {
    const [x, y, width, height] = box.map(Number);
    return { start: seconds(start), end: seconds(end), x, y, width, height };
  });
}

/** Paint one tile so that it covers a box, as the picture below it does. */
function paint(layer, tile, sheet) {
  const scale = Math.max(layer.clientWidth / tile.width, layer.clientHeight / tile.height);
  const [left, top] = [layer.clientWidth - tile.width * scale, layer.clientHeight - tile.height * scale];
  layer.style.backgroundSize = `${sheet.width * scale}px ${sheet.height * scale}px`;
  layer.style.backgroundPosition = `${left / 2 - tile.x * scale}px ${top / 2 - tile.y * scale}px`;
}

/** Let `picture` of `hit` be scrubbed by a mouse; a scene of one tile, or a library made before, has nothing to show. */
export function scrub(picture, hit) {
  const layer = document.createElement("span");
  layer.className = "sprite";
  layer.hidden = true;
  picture.querySelector("img").after(layer);
  const base = hit.thumbnail_url.replace(/thumbnail$/, "sprites");
  let loading = null;
  const load = async () => {
    const answer = await fetch(`${base}.vtt`);
    if (!answer.ok) return null;
    const all = tiles(await answer.text());
    const inside = all.filter((tile) => tile.start < hit.end_s - 0.05 && tile.end > hit.start_s + 0.05);
    const sheet = { width: Math.max(...all.map((t) => t.x + t.width)), height: Math.max(...all.map((t) => t.y + t.height)) };
    layer.style.backgroundImage = `url("${base}.jpg")`;
    return inside.length > 1 ? { inside, sheet } : null;
  };
  picture.addEventListener("pointermove", async (event) => {
    if (event.pointerType !== "mouse") return;
    const box = picture.getBoundingClientRect();
    const part = Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width));
    const found = await (loading ??= load().catch(() => null));
    if (!found || !picture.matches(":hover")) return;
    layer.hidden = false;
    paint(layer, found.inside[Math.floor(part * found.inside.length)], found.sheet);
  });
  picture.addEventListener("pointerleave", () => (layer.hidden = true));
}
