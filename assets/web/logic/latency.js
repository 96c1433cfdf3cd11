// From the camera to this screen: the server's part, the network's and this browser's, each measured.

/** The middle one of some numbers, null of none. */
export function median(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The parts and their sum in ms, null while one is not known.
 * @param {object | null} status of /api/status: age of a painted picture, and its encoding
 * @param {number | null} roundTripMs of the connection
 * @param {number[]} browserMs from a picture's last packet to its display, newest pictures
 */
export function latency(status, roundTripMs, browserMs) {
  const painted = status?.latency_ms?.frame_to_picture?.median;
  const encoded = status?.encoders?.[0]?.encode_ms?.median;
  const browser = median(browserMs);
  if (painted === undefined || painted === null || roundTripMs === null || browser === null) return null;
  const server = painted + (encoded ?? 0);
  const network = roundTripMs / 2;
  return { server, network, browser, sum: server + network + browser };
}
