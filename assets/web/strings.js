// Every word that the scripts show, in one place.

export const STATES = {
  stopped: "Stopped",
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
};

export const COVERS = {
  stopped: "Press start to watch.",
  connecting: "Connecting…",
  live: "",
  reconnecting: "Connection lost. Trying again…",
};

export const TEXT = {
  start: "Start",
  stop: "Stop",
  face: (id) => `Face ${id}`,
  unsure: "unsure",
  percent: (value) => `${Math.round(value * 100)} %`,
  meter: (name) => `Facial expression: ${name}`,
  strip: (fixed, moving) => `Static at positions ${fixed}; dynamic at positions ${moving}; of 0 to 15.`,
  stripNumbers: (fixed, moving) => [`static ${fixed}`, `dynamic ${moving}`],
  hints: (hints) => `For a better reading: ${hints.join(", ")}.`,
  source: "Source",
  picture: "Picture",
  predictions: "Predictions",
  model: "Model",
  viewers: "Watching",
  delay: "Frame to picture",
  fps: (value) => `${value.toFixed(1)} fps`,
  perSecond: (value) => `${value.toFixed(1)} /s`,
  ms: (value) => `${value.toFixed(0)} ms`,
  tooSlow: "this machine is too slow for more",
  untrained: "untrained weights",
  unknown: "–",
  cameraLost: "camera lost",
  cameraDenied: "The camera was not allowed. Allow it in the browser's address bar to use it.",
  cameraFailed: (why) => `The camera could not be used: ${why}`,
  sourceFailed: (why) => `The source could not be used: ${why}`,
  full: "All places to watch are taken. Trying again…",
  refused: (why) => `The server refused: ${why}`,
};
