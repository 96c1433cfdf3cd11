"""Session descriptions as Chromium and a broadcaster write them, for tests to begin from."""

from __future__ import annotations

CHROMIUM_WATCHES = """\
v=0
o=- 3051055232528923018 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:yf0N
a=ice-pwd:cYJhgze8UT0lPCjnhSiF/I7E
a=ice-options:trickle
a=fingerprint:sha-256 8E:6D:60:DB:F3:CD:82:64:61:FA:03:FF:69:1A:AD:B4:5A:0E:D4:F2:68:34:94:FF:37:9F:81:40:74:B4:F9:CB
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 urn:3gpp:video-orientation
a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type
a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing
a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space
a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=rtcp-xr:rcvr-rtt=all
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:108 H264/90000
a=rtcp-fb:108 goog-remb
a=rtcp-fb:108 transport-cc
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:yf0N
a=ice-pwd:cYJhgze8UT0lPCjnhSiF/I7E
a=ice-options:trickle
a=fingerprint:sha-256 8E:6D:60:DB:F3:CD:82:64:61:FA:03:FF:69:1A:AD:B4:5A:0E:D4:F2:68:34:94:FF:37:9F:81:40:74:B4:F9:CB
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
""".replace("\n", "\r\n")

CHROMIUM_SENDS = """\
v=0
o=- 4320797686749155892 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:pfB6
a=ice-pwd:Xs1qh4NHKhzRixokx0ya+Vu2
a=ice-options:trickle
a=fingerprint:sha-256 FD:89:1F:3B:82:73:D5:35:B1:1C:6F:A1:01:84:5A:5E:3B:3C:8A:F5:57:B8:83:54:C6:A2:39:7D:2A:4A:CC:EC
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 urn:3gpp:video-orientation
a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type
a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing
a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space
a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=sendonly
a=msid:- a9817455-a503-4357-9031-6b9851e64a73
a=rtcp-mux
a=rtcp-rsize
a=rtcp-xr:rcvr-rtt=all
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:108 H264/90000
a=rtcp-fb:108 goog-remb
a=rtcp-fb:108 transport-cc
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=ssrc-group:FID 1485849421 637061947
a=ssrc:1485849421 cname:QaH1ur8cDmQstfnL
a=ssrc:1485849421 msid:- a9817455-a503-4357-9031-6b9851e64a73
a=ssrc:637061947 cname:QaH1ur8cDmQstfnL
a=ssrc:637061947 msid:- a9817455-a503-4357-9031-6b9851e64a73
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:pfB6
a=ice-pwd:Xs1qh4NHKhzRixokx0ya+Vu2
a=ice-options:trickle
a=fingerprint:sha-256 FD:89:1F:3B:82:73:D5:35:B1:1C:6F:A1:01:84:5A:5E:3B:3C:8A:F5:57:B8:83:54:C6:A2:39:7D:2A:4A:CC:EC
a=setup:actpass
a=mid:1
a=extmap:14 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:- 35d90947-2adf-419e-af79-2b7aef2dc399
a=rtcp-mux
a=rtcp-rsize
a=rtcp-xr:rcvr-rtt=all
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:155521136 cname:QaH1ur8cDmQstfnL
a=ssrc:155521136 msid:- 35d90947-2adf-419e-af79-2b7aef2dc399
""".replace("\n", "\r\n")

# as OBS has it: credentials and DTLS once for the session, no trickle
BROADCASTER_SENDS = """\
v=0
o=rtc 3767197920 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:hLWM
a=ice-pwd:ZBfU5/PVhRIpeG7mGtaDjW
a=ice-options:ice2,trickle
a=fingerprint:sha-256 8E:6D:60:DB:F3:CD:82:64:61:FA:03:FF:69:1A:AD:B4:5A:0E:D4:F2:68:34:94:FF:37:9F:81:40:74:B4:F9:CB
m=audio 58146 UDP/TLS/RTP/SAVPF 111
c=IN IP4 192.168.1.7
a=mid:0
a=sendonly
a=ssrc:1738124420 cname:video
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;useinbandfec=1
a=candidate:1 1 UDP 2114977791 192.168.1.7 58146 typ host
a=end-of-candidates
m=video 58146 UDP/TLS/RTP/SAVPF 96
c=IN IP4 192.168.1.7
a=mid:1
a=sendonly
a=ssrc:1738124421 cname:video
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
""".replace("\n", "\r\n")

FRAGMENT = """\
a=ice-ufrag:hLWM
a=ice-pwd:ZBfU5/PVhRIpeG7mGtaDjW
m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:0
a=candidate:1387637174 1 udp 2122260223 192.168.1.7 61764 typ host generation 0 ufrag hLWM network-id 1
a=candidate:473322822 1 tcp 1518280447 192.168.1.7 9 typ host tcptype active generation 0
a=end-of-candidates
""".replace("\n", "\r\n")
