// The page: wires the video, the results, the status and the controls together.

import { Announcer } from "./logic/announcer.js";
import { serverCameraOn } from "./logic/consent.js";
import { percent } from "./logic/format.js";
import { known, t } from "./logic/language.js";
import { latency } from "./logic/latency.js";
import { Rate } from "./logic/rate.js";
import { ServerClock } from "./logic/serverclock.js";
import { post, stream, useStream } from "./net/api.js";
import { Poll } from "./net/poll.js";
import { Watcher } from "./net/watcher.js";
import { get, localise, options, show, text, words } from "./view/dom.js";
import { DriverPanel } from "./view/driver.js";
import { Faces } from "./view/faces.js";
import { Grid } from "./view/grid.js";
import { Guide } from "./view/guide.js";
import { Help } from "./view/help.js";
import { Issm } from "./view/issm.js";
import { listenForKeys } from "./view/keys.js";
import { LAYERS, Layers } from "./view/layers.js";
import * as looks from "./view/looks.js";
import { Neutral } from "./view/neutral.js";
import { Privacy, tellPurpose } from "./view/privacy.js";
import { Published } from "./view/published.js";
import { Recordings } from "./view/recordings.js";
import { Session } from "./view/session.js";
import { Sources } from "./view/sources.js";
import { showFacts } from "./view/status.js";
import { Tabs } from "./view/tabs.js";
import { Teach } from "./view/teach.js";
import { Timeline } from "./view/timeline.js";

const RUNNING_MS = 250;
const IDLE_MS = 3000;
const STATUS_MS = 1000;
const STREAMS_MS = 2000;
const PICTURES_KEPT = 30;

looks.startLanguage();
localise(document);

const video = get("video");
const announcer = new Announcer((line) => text(get("announce"), line));
const clock = new ServerClock();
const pictures = new Rate();
const predictions = new Rate();
const browserMs = []; // from a picture's last packet to its display, newest pictures
let status = null;
let figures = null; // of the connection
let cameraOn = false;
let recording = false;

const timeline = new Timeline(get("past"), clock);
const issm = new Issm(get("issm"), say);
const driver = new DriverPanel(get("driver"), get("driver-template"), say);
const faces = new Faces(get("faces"), get("face-template"), (list) => {
  issm.faces(list);
  timeline.faces(list);
  offerFaces(list);
  showNobody();
});
const grid = new Grid(get("streams"), chooseStream);
const watcher = new Watcher(video, showState, (result) => {
  grid.result(result);
  if (typeof result.t === "number") clock.note(result.t, performance.now());
  if (driver.show(result)) return;
  if (result.probabilities) predictions.mark();
  faces.show(result);
  timeline.add(result);
  issm.show(result);
});
const layers = new Layers(get("layers"), changeView);
const privacy = new Privacy(get("privacy"), changeView);
const help = new Help(get("help"));
const guide = new Guide(get("guide"));
const neutral = new Neutral(get("neutral"), guide, (doing) => does(doing, polls.neutral), chosenFace);
const teach = new Teach(get("teach"), guide, (doing) => does(doing, polls.teach), chosenFace);
const session = new Session(
  get("session"),
  async (doing) => (await does(doing, polls.session)) && (await polls.recordings.now(), true),
  answer,
);
const published = new Published(get("published"), (line) => announcer.tell(line));
const recordings = new Recordings(get("sessions"), (doing) => does(doing, polls.recordings), answer);
const sources = new Sources({
  say,
  watching: () => watcher.running,
  refresh: () => polls.status.now(),
  onChange: showPills,
  onSource: () => faces.clear(),
});
const tabs = new Tabs(get("tabs"), () => {
  polls.session.now();
  polls.recordings.now();
  showStatus();
});
const offered = { personal: { neutral: false, teach: false }, session: false };

const polls = {
  status: new Poll("/api/status", takeStatus, () => takeStatus(null)),
  neutral: new Poll("/api/calibration", (state) => {
    neutral.show(state);
    offerPersonal("neutral", state !== null);
    return state?.state === "running" ? RUNNING_MS : IDLE_MS;
  }),
  teach: new Poll("/api/teach", (state) => {
    teach.show(state);
    offerPersonal("teach", state !== null);
    return ["running", "fitting"].includes(state?.state) ? RUNNING_MS : IDLE_MS;
  }),
  session: new Poll("/api/session", (state) => {
    session.show(state);
    offered.session = state !== null;
    recording = state?.state === "recording";
    if (state) timeline.annotate({ ...state, recording });
    showPills();
    offerTabs();
    return recording && tabs.chosen === "session" ? STATUS_MS : IDLE_MS;
  }),
  recordings: new Poll("/api/sessions", (state) => {
    recordings.show(state?.sessions ?? []);
    return tabs.chosen === "session" ? 5 * STATUS_MS : 10 * IDLE_MS;
  }),
  streams: new Poll("/api/streams", (answered) => {
    grid.update(answered?.streams);
    showPills();
    return STREAMS_MS;
  }),
};

// -- the connection ---------------------------------------------------------------------------------

function showState(state, why) {
  const pill = get("state");
  const before = pill.dataset.state;
  words(pill, `state.${state}`);
  pill.dataset.state = state;
  document.body.dataset.state = state;
  words(get("cover"), `cover.${state}`);
  get("screen").dataset.state = state;
  words(get("toggle"), watcher.running ? "watch.stop" : "watch.start");
  if (state !== before && state !== "connecting") announcer.tell(t(`announce.${state}`));
  grid.mirror(state === "live" ? video.srcObject : null);
  if (state === "live") {
    clock.reset();
    for (const each of Object.values(polls)) if (each !== polls.streams || grid.several) each.start();
  } else {
    faces.clear();
    driver.clear(state === "stopped");
    guide.hide(neutral);
    guide.hide(teach);
    pictures.clear();
    predictions.clear();
    browserMs.length = 0;
    figures = null;
    if (state === "stopped") timeline.clear();
  }
  const told = { 401: "access", 503: "full" }[why?.status];
  if (why) say(told ? t(told) : t("refused", { why: why.message }));
  else if (state === "live") say("");
  showStatus();
}

async function takeStatus(answered) {
  status = answered;
  if (status) watcher.retryNow();
  if (status?.streams?.length > 1) offerStreams(status);
  figures = watcher.running ? await watcher.figures() : null;
  await sources.update(status);
  showStatus();
  return STATUS_MS;
}

function offerStreams({ streams, stream: name }) {
  const first = !grid.several;
  grid.offer(streams, name);
  if (!first) return;
  if (!stream()) useStream(name);
  grid.mirror(video.srcObject);
  polls.streams.start();
}

// Another stream becomes the large one: everything but the grid begins anew.
function chooseStream(name) {
  if (name === stream()) return;
  useStream(name);
  grid.enlarge(name);
  sources.switched();
  guide.hide(neutral);
  guide.hide(teach);
  timeline.forget();
  driver.clear(true);
  say("");
  if (watcher.running) watcher.restart();
  else toggleWatching();
  for (const each of Object.values(polls)) each.start();
  answer(t("streams.shown", { stream: name }));
}

function eachPicture() {
  video.requestVideoFrameCallback((now, { receiveTime, expectedDisplayTime }) => {
    pictures.mark(now);
    watcher.pictureShown();
    if (receiveTime !== undefined && expectedDisplayTime > receiveTime) {
      browserMs.push(expectedDisplayTime - receiveTime);
      if (browserMs.length > PICTURES_KEPT) browserMs.shift();
    }
    eachPicture();
  });
}

// -- what is shown ----------------------------------------------------------------------------------

function showStatus() {
  const { profile, model, view = null } = status ?? {};
  driver.choose(profile === "driver");
  layers.show(view, status !== null, Boolean(model));
  if (view) {
    privacy.show(view, faces.faces);
    tellPurpose(document.querySelector(".purpose"), status.consent);
  }
  issm.offer(model?.frames ?? null, Boolean(view && model));
  if (status) {
    published.show(status.publish ?? null);
    show(get("stays"), status.published_to?.length === 0);
  }
  showNobody();
  offerTabs();
  showPills();
  if (tabs.chosen !== "status") return;
  const running = watcher.running;
  const here = {
    running,
    fps: pictures.perSecond(),
    hz: predictions.perSecond(),
    latency: running ? latency(status, figures?.roundTripMs ?? null, browserMs) : null,
    dropped: figures?.dropped ?? 0,
  };
  showFacts(get("facts"), status, here, hintsNow());
}

function hintsNow() {
  return [...new Set(faces.fresh.flatMap((each) => each.quality?.hints ?? []))];
}

function showNobody() {
  const { model, profile, consent, faces: tracked = 0 } = status ?? {};
  const off = Boolean(status) && !model;
  const forbidden = off && consent && !consent.expressions;
  show(get("expressions-off"), off && (profile !== "driver" || forbidden));
  if (off) {
    const lines = [t("expressions.off"), forbidden ? t("purpose.off") : "", t("faces.tracked", { count: tracked })];
    text(get("expressions-off"), lines.filter(Boolean).join(" "));
  }
  const live = document.body.dataset.state === "live";
  show(get("nobody"), live && !off && faces.faces.length === 0);
  words(get("nobody"), tracked ? "nobody.waiting" : "nobody");
}

function showPills() {
  const on = watcher.running && (sources.cameraOn || serverCameraOn(status) || grid.cameraOn);
  if (on !== cameraOn) announcer.tell(t(on ? "announce.cameraOn" : "announce.cameraOff"));
  cameraOn = on;
  show(get("camera-on"), on);
  const stores = recording && watcher.running;
  if (stores === get("recording-on").hidden) {
    announcer.tell(t(stores ? "announce.recording" : "announce.notRecording"));
    show(get("recording-on"), stores);
  }
}

function offerPersonal(name, is) {
  offered.personal[name] = is;
  offerTabs();
}

function offerTabs() {
  if (!status) return; // the tabs stay while the server is away
  const reads = Boolean(status?.model);
  tabs.offer("personal", reads && (offered.personal.neutral || offered.personal.teach));
  tabs.offer("session", offered.session);
  tabs.offer("privacy", Boolean(status?.view));
}

function offerFaces(list) {
  const select = get("which").querySelector("select");
  show(get("which"), list.length > 1);
  options(select, [["", t("which.largest")], ...list.map((face) => [String(face), t("face", { face })])]);
}

function chosenFace() {
  const { value } = get("which").querySelector("select");
  return value === "" ? null : Number(value);
}

// -- what is done -----------------------------------------------------------------------------------

function say(line) {
  text(get("message"), line);
}

// Says what was done, to the eye and, at once, to screen readers.
function answer(line) {
  announcer.answer(line);
}

/** Carries out a request; what fails is told. Then the state is read again. True if it was done. */
async function does(doing, poll) {
  let done = true;
  try {
    await doing();
    say("");
  } catch (error) {
    done = false;
    say(t("failed", { why: error.message }));
  }
  await poll.now();
  return done;
}

async function changeView(changes) {
  await does(async () => {
    const view = await post("/api/view", changes);
    if (status) status.view = view;
    showStatus();
  }, polls.status);
}

function sayReading() {
  const lines = faces.fresh.map(({ face, label, confidence }) =>
    label === "unsure"
      ? t("announce.unsure", { face })
      : t("announce.face", { face, label: known("label", label), confidence: percent(confidence) }),
  );
  answer(lines.join(" ") || t("announce.nobody"));
}

function toggleWatching() {
  if (watcher.running) watcher.stop();
  else watcher.start();
  sources.watched(watcher.running);
  grid.watch(watcher.running);
  showStatus();
}

async function toggleFullscreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await get("screen").requestFullscreen();
}

async function togglePip() {
  if (document.pictureInPictureElement) await document.exitPictureInPicture();
  else await video.requestPictureInPicture();
}

function changeTheme() {
  const name = `theme.${looks.nextTheme()}`;
  for (const each of ["tTitle", "tLabel"]) get("theme").dataset[each] = name;
  localise(document.querySelector(".prefs"));
  timeline.refit();
}

function changeLanguage() {
  looks.nextLanguage();
  localise(document);
  get("language").textContent = document.documentElement.lang === "de" ? "EN" : "DE";
  for (const each of [faces, issm, layers, timeline, sources, grid]) each.relabel();
  offerFaces(faces.faces);
  showStatus();
  for (const each of Object.values(polls)) each.now();
}

const tried = (doing) => () => doing().catch((error) => say(t("failed", { why: error.message })));
const actions = {
  watch: toggleWatching,
  fullscreen: tried(toggleFullscreen),
  pip: tried(togglePip),
  ...Object.fromEntries(LAYERS.map((name) => [name, () => layers.toggle(name)])),
  say: sayReading,
  record: () => tabs.choose("session", true),
  neutral: () => tabs.choose("personal", true),
  previous: () => grid.step(-1),
  following: () => grid.step(1),
  marker: () => session.mark(""),
  digit: (digit) => session.mark(t("session.markerKey", { number: digit })),
  exclude: () => session.exclude(),
  theme: changeTheme,
  language: changeLanguage,
  help: () => help.toggle(),
};

get("toggle").addEventListener("click", actions.watch);
get("fullscreen").addEventListener("click", actions.fullscreen);
get("pip").addEventListener("click", actions.pip);
get("theme").addEventListener("click", actions.theme);
get("language").addEventListener("click", actions.language);
get("help-open").addEventListener("click", actions.help);
listenForKeys(() => help.keysWork, actions);
show(get("pip"), Boolean(document.pictureInPictureEnabled));
get("language").textContent = document.documentElement.lang === "de" ? "EN" : "DE";
for (const each of ["tTitle", "tLabel"]) get("theme").dataset[each] = `theme.${looks.theme()}`;
localise(document.querySelector(".prefs"));

video.addEventListener("resize", () => {
  if (video.videoWidth) get("screen").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => timeline.refit());
document.addEventListener("visibilitychange", () => watcher.pictureShown());
window.addEventListener("online", () => watcher.retryNow());
window.addEventListener("pagehide", () => {
  watcher.stop();
  sources.close();
});
window.addEventListener("pageshow", ({ persisted }) => persisted && watcher.start());

eachPicture();
watcher.start();
polls.status.start();
