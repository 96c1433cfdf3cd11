// The page: wires the video, the results, the status line and the controls together.

import { Camera } from "./camera.js";
import { DriverPanel } from "./driver.js";
import { Faces } from "./faces.js";
import { Rate } from "./rate.js";
import { COVERS, STATES, TEXT } from "./strings.js";
import { Watcher } from "./watcher.js";

const STATUS_MS = 1000;
const get = (id) => document.getElementById(id);

const video = get("video");
const faces = new Faces(get("faces"), get("nobody"), get("face-template"));
const driver = new DriverPanel(get("driver"), get("driver-template"), say);
const pictures = new Rate();
const predictions = new Rate();
const camera = new Camera((on) => {
  get("camera-on").hidden = !on;
});
const watcher = new Watcher(video, showState, (result) => {
  if (result.probabilities) predictions.mark();
  if (driver.show(result)) return;
  faces.show(result);
});
let status = null;
let changing = false; // a change of source is on its way
let pending = false; // the camera was chosen here and is not allowed yet
let declined = false;
let missing = 0; // answers in a row that know of no sender while we send

function showState(state, why) {
  const pill = get("state");
  pill.textContent = STATES[state];
  pill.dataset.state = state;
  document.body.dataset.state = state;
  get("cover").textContent = COVERS[state];
  get("screen").dataset.state = state;
  get("toggle").textContent = watcher.running ? TEXT.stop : TEXT.start;
  if (state !== "live") {
    faces.clear();
    driver.clear(state === "stopped");
    pictures.clear();
    predictions.clear();
  }
  if (why) say(why.status === 503 ? TEXT.full : TEXT.refused(why.message));
  else if (state === "live") say("");
}

function say(line) {
  get("message").textContent = line;
}

function eachPicture() {
  video.requestVideoFrameCallback((now) => {
    pictures.mark(now);
    watcher.pictureShown();
    eachPicture();
  });
}

async function json(path, options) {
  const response = await fetch(path, { signal: AbortSignal.timeout(5000), ...options });
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

async function refreshStatus() {
  try {
    status = await json("/api/status");
    watcher.retryNow();
  } catch {
    status = null;
  }
  if (status && get("source").disabled) await refreshSources();
  const current = status?.source?.source;
  const select = get("source");
  if (current !== undefined && !pending && document.activeElement !== select) {
    if ([...select.options].some((each) => each.value === current)) select.value = current;
  }
  if (current !== undefined && !changing) superviseCamera(current, status.senders.length);
  showConsent();
  showFacts();
}

// The camera goes off when the source becomes another, and is sent again when its connection was lost.
function superviseCamera(current, senders) {
  if (!camera.on) return;
  if (current !== "browser") return camera.close();
  missing = senders ? 0 : missing + 1;
  if (missing >= 2) {
    missing = 0;
    camera.send().catch(() => {});
  }
}

function showConsent() {
  const wanted = status?.source?.source === "browser" && !status.senders.length && !declined && !changing;
  get("consent").hidden = !watcher.running || camera.on || !(pending || wanted);
}

async function refreshSources() {
  try {
    const { sources } = await json("/api/sources");
    const select = get("source");
    select.replaceChildren(...sources.map((each) => new Option(each.name, each.source)));
    select.disabled = sources.length === 0;
  } catch {
    get("source").disabled = true;
  }
}

function showFacts() {
  const { model, source, viewers, profile } = status ?? {};
  driver.choose(profile === "driver");
  get("nobody").classList.toggle("unused", profile === "driver" && !model);
  const delay = status?.latency_ms?.frame_to_picture?.median;
  const running = watcher.running;
  const lost = source?.state === "lost" ? ` (${TEXT.cameraLost})` : "";
  const facts = [
    [TEXT.picture, running && pictures.perSecond() ? TEXT.fps(pictures.perSecond()) : TEXT.unknown],
    [TEXT.predictions, running && predictions.perSecond() ? TEXT.perSecond(predictions.perSecond()) : TEXT.unknown],
    [TEXT.source, source ? `${source.name}${lost}` : TEXT.unknown],
    [TEXT.model, model ? [model.name, model.device].filter(Boolean).join(", ") : TEXT.unknown],
    [TEXT.viewers, viewers ? String(viewers.now) : TEXT.unknown],
    [TEXT.delay, running && delay !== undefined ? TEXT.ms(delay) : TEXT.unknown],
  ];
  const items = facts.map(([name, value]) => fact(name, value));
  if (status?.keeps_up === false) items[1].lastElementChild.append(note(TEXT.tooSlow));
  if (model && model.trained === false) items[3].lastElementChild.append(note(TEXT.untrained));
  get("facts").replaceChildren(...items);
}

function fact(name, value) {
  const item = document.createElement("div");
  const term = document.createElement("dt");
  const text = document.createElement("dd");
  term.textContent = name;
  text.textContent = value;
  item.append(term, text);
  return item;
}

function note(text) {
  const element = document.createElement("em");
  element.textContent = text;
  return element;
}

async function chooseSource(text) {
  changing = true;
  say("");
  try {
    await json("/api/source", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ source: text }),
      signal: AbortSignal.timeout(15000),
    });
    if (text === "browser") await camera.send();
    else camera.close();
    faces.clear();
  } catch (error) {
    camera.close();
    say(TEXT.sourceFailed(error.message));
  }
  changing = false;
  await refreshStatus();
}

async function turnCameraOn() {
  try {
    await camera.open();
    await chooseSource("browser");
  } catch (error) {
    say(error.name === "NotAllowedError" ? TEXT.cameraDenied : TEXT.cameraFailed(error.message));
    declined = true;
  }
  pending = false;
  await refreshStatus();
}

get("toggle").addEventListener("click", () => {
  if (watcher.running) {
    watcher.stop();
    camera.close();
    pending = false;
  } else {
    declined = false;
    watcher.start();
  }
  showConsent();
  showFacts();
});

get("source").addEventListener("change", ({ target }) => {
  pending = target.value === "browser";
  declined = false;
  target.blur();
  showConsent();
  if (pending) get("camera-yes").focus();
  else chooseSource(target.value);
});
get("camera-yes").addEventListener("click", turnCameraOn);
get("camera-no").addEventListener("click", () => {
  pending = false;
  declined = true;
  showConsent(); // at once, not with the next answer of the server
  refreshStatus();
});

video.addEventListener("resize", () => {
  if (video.videoWidth) get("screen").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
});
document.addEventListener("visibilitychange", () => watcher.pictureShown());
window.addEventListener("online", () => watcher.retryNow());
window.addEventListener("pagehide", () => {
  watcher.stop();
  camera.close();
});
window.addEventListener("pageshow", ({ persisted }) => persisted && watcher.start());

eachPicture();
setInterval(refreshStatus, STATUS_MS);
watcher.start();
refreshStatus();
