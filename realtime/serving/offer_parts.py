"""Parts of an offer that must fit together, which aiortc takes for granted until long after the answer."""

from __future__ import annotations

from collections import Counter

from aiortc import sdp

SSRC_VALUES = range(1, 2**32)
PAYLOAD_TYPES = range(128)
EXTENSION_IDS = range(1, 256)  # RFC 8285
PORTS = range(1, 65536)


def check_parts(offer: sdp.SessionDescription) -> None:
    """Checks what no connection can be made without.

    Raises:
        ValueError: something is missing, out of range or contradicts another part; one clear line.
    """
    mids = [str(media.rtp.muxId) for media in offer.media]
    kinds = Counter(media.kind for media in offer.media)
    if len(mids) > 1 and (len(set(mids)) < len(mids) or "" in mids):
        raise ValueError(f"expected sections with an a=mid each of its own, got {mids}")
    if any(count > 1 for count in kinds.values()):
        raise ValueError(f"expected at most one section of a kind, got {dict(kinds)}")
    bundles = [[str(item) for item in group.items] for group in offer.group if group.semantic == "BUNDLE"]
    bundled = [mid for bundle in bundles for mid in bundle]
    if len(bundles) > 1 or len(set(bundled)) < len(bundled) or not set(bundled) <= set(mids):
        raise ValueError(f"expected one BUNDLE group at most, of the sections {mids}, got {bundles}")
    for media in offer.media:
        _check_section(media)


def _check_section(media: sdp.MediaDescription) -> None:
    if media.dtls is None or not media.dtls.fingerprints:
        raise ValueError(f"expected an a=fingerprint for the {media.kind} section, got none")
    if media.kind == "application" and media.profile != "DTLS/SCTP" and media.sctp_port not in PORTS:
        raise ValueError(f"expected an a=sctp-port from 1 to 65535, got {media.sctp_port}")
    numbers = (
        ("an a=ssrc", SSRC_VALUES, [each.ssrc for each in media.ssrc]),
        ("a payload type", PAYLOAD_TYPES, [each.payloadType for each in media.rtp.codecs]),
        ("an a=extmap", EXTENSION_IDS, [each.id for each in media.rtp.headerExtensions]),
    )
    for name, allowed, found in numbers:
        for value in found:
            if value not in allowed:
                raise ValueError(f"expected {name} from {allowed.start} to {allowed.stop - 1}, got {value}")
