// What this browser shows and says: a camera that paints a counted code, and a microphone that hums one tone.
// Both replace the devices of the machine before the library asks for them.
'use strict';

const PAINT = {
    width: 640,
    height: 360,
    framesPerSecond: 15,
    // Magenta: nothing else on a wall has this colour. Reading begins with finding it.
    ground: '#ff00ff',
    // Two rows of eight cells, white is one: twelve bits of the counter, four bits that check them.
    cell: { left: 64, top: 64, width: 64, height: 100, rowStep: 132, columns: 8 },
    toneHz: 660,
};

const painter = {
    counter: 0,

    code() {
        const counter = this.counter % 4096;
        const check = (counter >> 8) ^ (counter >> 4) ^ counter ^ 0b1010;
        return (counter << 4) | (check & 15);
    },

    paint(canvas) {
        this.counter += 1;
        const context = canvas.getContext('2d');
        context.fillStyle = PAINT.ground;
        context.fillRect(0, 0, canvas.width, canvas.height);
        const { left, top, width, height, rowStep, columns } = PAINT.cell;
        const code = this.code();
        for (let cell = 0; cell < 16; cell += 1) {
            context.fillStyle = (code >> (15 - cell)) & 1 ? '#ffffff' : '#000000';
            const row = Math.floor(cell / columns);
            context.fillRect(left + (cell % columns) * width, top + row * rowStep, width, height);
        }
    },
};

function camera() {
    const canvas = document.createElement('canvas');
    canvas.width = PAINT.width;
    canvas.height = PAINT.height;
    painter.paint(canvas);
    setInterval(() => painter.paint(canvas), 1000 / PAINT.framesPerSecond);
    return canvas.captureStream(PAINT.framesPerSecond);
}

const sound = new AudioContext({ sampleRate: 48000 });

function microphone() {
    const tone = new OscillatorNode(sound, { frequency: PAINT.toneHz });
    const volume = new GainNode(sound, { gain: 0.25 });
    const out = new MediaStreamAudioDestinationNode(sound, { channelCount: 1 });
    tone.connect(volume).connect(out);
    tone.start();
    return out.stream;
}

// One camera, however often it is opened: a track that was stopped must not stop the painting.
let painting = null;
navigator.mediaDevices.getUserMedia = async constraints => {
    const tracks = [];
    if (constraints.video) {
        painting ??= camera();
        tracks.push(painting.getVideoTracks()[0].clone());
    }
    if (constraints.audio) {
        tracks.push(...microphone().getAudioTracks());
    }
    return new MediaStream(tracks);
};
