// What this browser sees and hears of the others: the frame counter that a simulated camera paints (six digits of seven
// segments), and the loudest tone.
'use strict';

// Where the digits stand in a picture of 1280x720: as drawn by the simulated camera of the box.
const DIGITS = { left: 460, top: 612, step: 62, count: 6, side: { width: 36, height: 66 } };
// Middles of the bars: top, top left, top right, middle, bottom left, bottom right, bottom; then two gaps.
const BARS = [[21, 3], [3, 18], [39, 18], [21, 33], [3, 48], [39, 48], [21, 63]];
const GAPS = [[21, 18], [21, 48]];
const SHAPES = new Map([
    [0b1110111, 0], [0b0100100, 1], [0b1011101, 2], [0b1101101, 3], [0b0101110, 4],
    [0b1101011, 5], [0b1111011, 6], [0b0100101, 7], [0b1111111, 8], [0b1101111, 9],
]);

const sheet = document.createElement('canvas');
sheet.width = 1280;
sheet.height = 720;
const pen = sheet.getContext('2d', { willReadFrequently: true });

/// The counter in the picture; null while there is none (the white flash of each second is none).
function readCounter(video) {
    if (!video.videoWidth) {
        return null;
    }
    pen.drawImage(video, 0, 0, sheet.width, sheet.height);
    const { left, top, step, count, side } = DIGITS;
    const strip = pen.getImageData(left, top, step * count, side.height);
    const light = (x, y) => {
        let sum = 0;
        for (let dy = -1; dy <= 1; dy += 1) {
            for (let dx = -1; dx <= 1; dx += 1) {
                sum += strip.data[((y + dy) * strip.width + x + dx) * 4 + 1];
            }
        }
        return sum / 9 > 125;
    };
    let counter = 0;
    for (let digit = 0; digit < count; digit += 1) {
        const x = digit * step;
        if (GAPS.some(([dx, dy]) => light(x + dx, dy))) {
            return null;
        }
        let shape = 0;
        BARS.forEach(([dx, dy], bar) => {
            shape |= light(x + dx, dy) ? 1 << bar : 0;
        });
        if (!SHAPES.has(shape)) {
            return null;
        }
        counter = counter * 10 + SHAPES.get(shape);
    }
    return counter;
}

/// Listens to a stream: the frequency of the loudest tone now, null in silence.
function listener(stream) {
    const analyser = new AnalyserNode(sound, { fftSize: 8192, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(sound, { mediaStream: stream }).connect(analyser);
    const spectrum = new Float32Array(analyser.frequencyBinCount);
    return () => {
        analyser.getFloatFrequencyData(spectrum);
        let loudest = 1;
        for (let bin = 2; bin < spectrum.length; bin += 1) {
            loudest = spectrum[bin] > spectrum[loudest] ? bin : loudest;
        }
        return spectrum[loudest] > -70 ? Math.round(loudest * sound.sampleRate / analyser.fftSize) : null;
    };
}
