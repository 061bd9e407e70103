// Plays one moment: starts where it starts, stops visibly where it ends.

import { clock, isPhoto, label, marked, receipt, told } from "/ui/show.js";
import * as tags from "/ui/tags.js";

const at = (id) => document.getElementById(id);
const [stage, video, photo, ended, unplayable] = [at("stage"), at("video"), at("photo"), at("ended"), at("unplayable")];

let moment = null; // {start, end} in seconds; null once the viewer went on
let following = 0;

export function open(hit, query, { hasPrevious, hasNext }) {
  stage.hidden = false;
  at("about-label").replaceChildren(hit.label ? label(hit) : "");
  at("about-title").textContent = hit.title;
  at("about-time").textContent = isPhoto(hit) ? "photo" : `${clock(hit.start_s)} – ${clock(hit.end_s)}  ·  ${(hit.end_s - hit.start_s).toFixed(1)} s`;
  at("about-snippet").replaceChildren(hit.snippet ? marked(hit.snippet, query) : "");
  at("about-told").textContent = told(hit);
  at("about-why").replaceChildren(receipt(hit));
  at("previous").disabled = !hasPrevious;
  at("next").disabled = !hasNext;
  at("similar").hidden = !hit.scene_id;
  tags.show(hit.video_id);
  load(hit);
}

function show(hit) {
  video.pause();
  video.removeAttribute("src");
  delete video.dataset.stream;
  moment = null;
  ended.hidden = unplayable.hidden = true;
  // not every browser knows HEIC: the library's own picture of it will do
  photo.onerror = () => hit.thumbnail_url && !photo.src.endsWith(hit.thumbnail_url) && (photo.src = hit.thumbnail_url);
  photo.src = hit.stream_url;
}

function load(hit) {
  photo.hidden = !isPhoto(hit);
  video.hidden = at("strip").hidden = isPhoto(hit);
  if (isPhoto(hit)) return show(hit);
  // the end of a scene is open: its last frame belongs to it, the cut does not
  moment = { scene: hit.start_s, start: hit.moment_s ?? hit.start_s, end: hit.end_s };
  ended.hidden = unplayable.hidden = true;
  const source = `${hit.stream_url}#t=${moment.start.toFixed(3)}`;
  if (video.dataset.stream === hit.stream_url && video.readyState > 0) video.currentTime = moment.start;
  else {
    video.dataset.stream = hit.stream_url;
    video.src = source;
  }
  video.play().catch(() => {}); // a browser may want a click first; the controls are there
  paintStrip();
}

export function close() {
  video.pause();
  stage.hidden = true;
  moment = null;
}

export const isOpen = () => !stage.hidden;

function paintStrip() {
  const whole = video.duration;
  if (!moment || !Number.isFinite(whole) || whole <= 0) return;
  const percent = (seconds) => `${Math.min(100, (100 * seconds) / whole)}%`;
  at("strip-moment").style.left = percent(moment.scene);
  at("strip-moment").style.width = percent(moment.end - moment.scene);
  at("strip-now").style.left = percent(video.currentTime);
}

function follow() {
  paintStrip();
  if (moment && !moment.past && video.currentTime >= moment.end - 0.04) {
    video.pause();
    ended.hidden = false;
    at("replay").focus({ preventScroll: true });
    return;
  }
  if (!video.paused) following = requestAnimationFrame(follow);
}

video.addEventListener("play", () => {
  ended.hidden = true;
  cancelAnimationFrame(following);
  following = requestAnimationFrame(follow);
});
video.addEventListener("timeupdate", follow);
video.addEventListener("loadedmetadata", paintStrip);
video.addEventListener("seeking", () => {
  // going elsewhere by hand is leaving the moment
  if (moment && (video.currentTime < moment.scene - 0.5 || video.currentTime > moment.end + 0.5)) moment.past = true;
  paintStrip();
});
video.addEventListener("error", () => {
  if (!video.getAttribute("src")) return;
  unplayable.textContent = "This browser cannot play this kind of video. The times beside it hold; any player can open the file.";
  unplayable.hidden = false;
});
at("replay").addEventListener("click", () => {
  moment.past = false;
  video.currentTime = moment.start;
  video.play();
});
at("continue").addEventListener("click", () => {
  moment.past = true;
  ended.hidden = true;
  video.play();
  video.focus({ preventScroll: true });
});
