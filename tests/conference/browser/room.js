// Joins a room with lib-jitsi-meet, reports what it sees and hears, and does what it is told.
'use strict';

const asked = new URLSearchParams(location.search);
const room = asked.get('room');
const report = { id: null, stage: 'loading', problems: [], shown: 0, others: [] };
const media = new Map();
let connection = null;
let conference = null;
let tracks = [];

function problem(what, detail) {
    const text = `${what}: ${String(detail?.stack ?? detail)}`;
    console.error(text);
    report.problems.push(text);
}
addEventListener('error', event => problem('page', event.message));
addEventListener('unhandledrejection', event => problem('page', event.reason));

function entry(track) {
    const id = track.getParticipantId();
    if (!media.has(id)) {
        media.set(id, { counter: null, tones: [] });
    }
    return media.get(id);
}

function added(track) {
    if (track.isLocal()) {
        return;
    }
    const element = document.createElement(track.getType());
    element.autoplay = true;
    document.body.append(element);
    track.attach(element);
    element.play().catch(error => problem('play', error));
    const own = entry(track);
    if (track.getType() === 'video') {
        own.video = element;
        const look = () => {
            own.counter = readCounter(element) ?? own.counter;
            element.requestVideoFrameCallback(look);
        };
        element.requestVideoFrameCallback(look);
    } else {
        own.audio = element;
        own.hear = listener(track.getOriginalStream());
    }
}

function removed(track) {
    if (track.isLocal()) {
        return;
    }
    const own = entry(track);
    const element = own[track.getType()];
    if (element) {
        track.detach(element);
        element.remove();
        delete own[track.getType()];
    }
}

function settings() {
    return {
        hosts: config.hosts,
        serviceUrl: `${config.websocket}?room=${encodeURIComponent(room)}`,
        websocketKeepAliveUrl: config.websocketKeepAliveUrl,
        p2p: { enabled: false },
        // The name of today's `flags.sourceNameSignaling`.
        sourceNameSignaling: true,
        disableThirdPartyRequests: true,
        enableAnalyticsLogging: false,
        deploymentInfo: {},
    };
}

async function join() {
    JitsiMeetJS.setLogLevel(JitsiMeetJS.logLevels.WARN);
    JitsiMeetJS.init(settings());
    tracks = await JitsiMeetJS.createLocalTracks({ devices: ['audio', 'video'], resolution: 360 });
    connection = new JitsiMeetJS.JitsiConnection(null, null, settings());
    const { connection: on, conference: event } = JitsiMeetJS.events;
    connection.addEventListener(on.CONNECTION_FAILED, (error, message) => problem('connection', `${error} ${message}`));
    connection.addEventListener(on.CONNECTION_DISCONNECTED, () => {
        report.stage = 'left';
    });
    connection.addEventListener(on.CONNECTION_ESTABLISHED, () => {
        report.stage = 'connected';
        conference = connection.initJitsiConference(room, settings());
        conference.on(event.CONFERENCE_JOINED, () => {
            report.stage = 'joined';
            report.id = conference.myUserId();
        });
        conference.on(event.CONFERENCE_FAILED, (error, ...rest) => problem('conference', [error, ...rest].join(' ')));
        conference.on(event.TRACK_ADDED, added);
        conference.on(event.TRACK_REMOVED, removed);
        conference.setDisplayName(asked.get('name'));
        // Which rules it is judged by: those of its own time.
        conference.setLocalParticipantProperty('era', '2021');
        tracks.forEach(track => conference.addTrack(track));
        // Named as at its time; the library passes them on as they are.
        conference.setReceiverConstraints({
            lastN: -1,
            onStageEndpoints: [],
            selectedEndpoints: [],
            defaultConstraints: { maxHeight: 360 },
            constraints: {},
        });
        conference.join();
    });
    connection.connect();
}

const orders = {
    'mute audio': () => tracks.find(track => track.getType() === 'audio').mute(),
    'unmute audio': () => tracks.find(track => track.getType() === 'audio').unmute(),
    'mute video': () => tracks.find(track => track.getType() === 'video').mute(),
    'unmute video': () => tracks.find(track => track.getType() === 'video').unmute(),
    leave: async () => {
        await conference.leave();
        await connection.disconnect();
    },
};

function look() {
    report.shown = painter.counter;
    report.others = !conference ? [] : conference.getParticipants().map(participant => {
        const own = media.get(participant.getId()) ?? { counter: null, tones: [] };
        if (own.hear) {
            own.tones = [...own.tones, own.hear()].slice(-10);
        }
        return {
            id: participant.getId(),
            name: participant.getDisplayName() ?? '',
            audio_muted: participant.isAudioMuted(),
            video_muted: participant.isVideoMuted(),
            height: own.video?.videoHeight ?? 0,
            counter: own.counter,
            tones: own.tones,
        };
    });
}

async function tell() {
    look();
    const answer = await fetch('/browser/report', { method: 'POST', body: JSON.stringify(report) });
    for (const order of await answer.json()) {
        Promise.resolve(orders[order]()).catch(error => problem(order, error));
    }
    setTimeout(tell, 200);
}

tell();
join().catch(error => problem('join', error));
