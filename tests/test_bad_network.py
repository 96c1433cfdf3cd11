"""A bad network between server and viewer: 5 % of the packets lost, the others up to 100 ms late."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from realtime.chromium import chromium, find_chromium
from tests.relay import Relay, target, through, without_candidates
from tests.test_browser import LIVE, Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
if find_chromium() is None and not os.environ.get("CI"):
    pytest.skip("no Chromium on the PATH", allow_module_level=True)

WATCHED_S = 12
# what a viewer is promised: no longer stall, whatever the machine does besides
STALL_S = 4.0

# the times at which pictures were presented within some seconds, in ms
PICTURES = """(seconds) => new Promise((resolve) => {
  const video = document.getElementById("video");
  const times = [performance.now()];
  const shown = (now) => { times.push(now); video.requestVideoFrameCallback(shown); };
  video.requestVideoFrameCallback(shown);
  setTimeout(() => { times.push(performance.now()); resolve(times); }, seconds * 1000);
})"""

# the page's connections, kept for their statistics
KEEP = """() => {
  const Real = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = function (...given) {
    const made = new Real(...given);
    window.connections.push(made);
    return made;
  };
  window.RTCPeerConnection.prototype = Real.prototype;
}"""

STATS = """async () => {
  const found = [];
  for (const connection of window.connections)
    for (const each of (await connection.getStats()).values())
      if (each.type === "inbound-rtp" && each.kind === "video") found.push(each);
  return found[found.length - 1];
}"""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.stop()


def test_pictures_keep_coming_over_a_bad_network(site: Site) -> None:
    relays: list[Relay] = []

    def relay_session(route: Any) -> None:
        request = route.request
        if request.method != "POST":  # candidates that come later would lead past the relay
            route.fulfill(status=204) if request.method == "PATCH" else route.continue_()
            return
        response = route.fetch(post_data=without_candidates(request.post_data))
        answer = response.text()
        if response.status != 201:
            route.fulfill(response=response)
            return
        relays.append(Relay(target(answer), loss=0.05, jitter_s=0.1, seed=len(relays) + 1))
        headers = {key: value for key, value in response.headers.items() if key != "content-length"}
        route.fulfill(status=201, headers=headers, body=through(answer, relays[-1]))

    try:
        with chromium() as browser:
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.add_init_script(f"({KEEP})()")
            page.route("**/whep**", relay_session)
            page.goto(site.url)
            page.locator(LIVE).wait_for()
            sessions = len(relays)  # a handshake that loses too much is begun anew
            times = page.evaluate(PICTURES, WATCHED_S)
            stats = page.evaluate(STATS)
            page.close()
    finally:
        for each in relays:
            each.close()
    gaps = [(b - a) / 1000 for a, b in itertools.pairwise(times)]
    carried, lost = sum(each.carried for each in relays), sum(each.lost for each in relays)
    kept = ("framesDecoded", "framesDropped", "nackCount", "pliCount", "keyFramesDecoded", "freezeCount")
    print(
        json.dumps({"pictures": len(gaps) - 1, "seconds": WATCHED_S, "longest gap, s": round(max(gaps), 2)}),
        json.dumps({key: stats.get(key) for key in kept}),
        f"carried {carried}, lost {lost}, sessions {len(relays)}",
    )
    assert lost > 0.03 * (carried + lost), "the network was not bad"
    assert len(gaps) > WATCHED_S * 4, "fewer than 4 pictures a second"
    assert max(gaps) < STALL_S
    assert stats["nackCount"] > 0, "nothing was asked for again"
    assert len(relays) == sessions, "the connection was lost and made again"
