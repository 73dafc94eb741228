//! A hand-written offer after `specs/jitsi-client.md §4`, for the unit tests of this module.

pub(crate) const OFFER: &str = r#"<iq xmlns='jabber:client' type='set' id='i1' from='room@muc.meet.example/focus' to='ab12cd34@meet.example/x'>
<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='S1' initiator='focus@auth.meet.example/focus'>
<content name='audio' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio' maxptime='60'>
<payload-type id='111' name='opus' clockrate='48000' channels='2'><parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>
<payload-type id='126' name='telephone-event' clockrate='8000'/>
<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>
<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='5' uri='http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'/><rtcp-mux/></description>
<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u1' pwd='p1'><rtcp-mux/><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB</fingerprint>
<candidate component='1' foundation='1' generation='0' id='c' ip='192.0.2.1' port='10000' priority='2130706431' protocol='udp' type='host'/>
<candidate component='1' foundation='1' generation='0' id='c' ip='jvb.example' port='10000' priority='2130706431' protocol='udp' type='host'/></transport></content>
<content name='video' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
<payload-type id='41' name='AV1' clockrate='90000'><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/></payload-type>
<payload-type id='100' name='VP8' clockrate='90000'><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='fir'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>
<payload-type id='107' name='H264' clockrate='90000'><parameter name='profile-level-id' value='42e01f;level-asymmetry-allowed=1;packetization-mode=1;'/></payload-type>
<payload-type id='42' name='rtx' clockrate='90000'><parameter name='apt' value='41'/></payload-type>
<payload-type id='96' name='rtx' clockrate='90000'><parameter name='apt' value='100'/></payload-type>
<payload-type id='99' name='rtx' clockrate='90000'><parameter name='apt' value='107'/></payload-type>
<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='3' uri='http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time'/>
<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='5' uri='http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'/><rtcp-mux/></description>
<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u1' pwd='p1'><rtcp-mux/><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB</fingerprint></transport></content>
<content name='data' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='application'><rtcp-mux/></description>
<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u1' pwd='p1'><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB</fingerprint>
<sctpmap xmlns='urn:xmpp:jingle:transports:dtls-sctp:1' number='5000' protocol='webrtc-datachannel' streams='1024'/></transport></content>
<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='audio'/><content name='video'/><content name='data'/></group>
<bridge-session xmlns='http://jitsi.org/protocol/focus' id='B1' region='eu'/>
<startmuted xmlns='http://jitsi.org/jitmeet/start-muted' audio='true' video='false'/>
<json-message xmlns='http://jitsi.org/jitmeet'>{"sources":{"cd34ef56":[[{"s":11,"n":"cd34ef56-v0","m":"cd v"},{"s":12,"m":"cd v"}],[["f",11,12]],[{"s":21,"n":"cd34ef56-a0","m":"cd a"}],[]],"jvb":[[{"s":31,"n":"jvb-v0","m":"mixedmslabel mixedlabelvideo0"}],[],[{"s":32,"n":"jvb-a0","m":"mixedmslabel mixedlabelaudio0"}]]}}</json-message></jingle></iq>"#;
