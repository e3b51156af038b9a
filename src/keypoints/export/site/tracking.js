// Follows the faces of a camera from frame to frame, as src/keypoints/annotation/tracking.py does.

import { angleBetween, apply, fitSimilarity, overlap, scaleOf } from "./geometry.js";
import { LandmarkSmoother } from "./smoothing.js";

const INTERVAL = 1 / 3, MAX_SHARE = 0.3; // seconds between detections; of the time that they may take
const MAX_MOVE = 0.1; // seconds for which a face is expected to move on like before
const MIN_OVERLAP = 0.5, MAX_JUMP = 1.2; // of the boxes of one face; sides
const MAX_OFFSET = 0.15, MAX_SCALE = 1.2, MAX_TURN = 30; // sides, factor and degrees, before a box is replaced
const MAX_MISSES = 2; // detections in a row without the face, before its track ends
const MAX_CHANGE = 2.5; // factor of a box's size from one detection to the next

/** Predicts the landmarks of the faces in the frames of one video, one frame after the other. */
export class FaceTracker {
  constructor(detector, predict) {
    Object.assign(this, { detector, predict, tracks: [], count: 0, seconds: 0, due: 0 });
  }

  /** Faces of the next frame, {...face, track}, the largest first; `seconds`: the time of the frame. */
  async next(image, seconds) {
    const elapsed = Math.max(seconds - this.seconds, 1e-3);
    this.seconds = seconds;
    this.tracks.forEach(track => track.move(elapsed));
    this.tracks = this.tracks.filter(({ box: { x, y } }) => x > 0 && y > 0 && x < image.width && y < image.height);
    if (seconds >= this.due) await this.#detect(image, seconds);
    const faces = await this.predict(image, this.tracks.map(track => track.box));
    const pairs = this.tracks.map((track, i) => [track, faces[i]]);
    if (pairs.some(([track, face]) => track.isCertain && !face.isCertain)) this.due = seconds; // a face is lost
    const found = pairs.filter(([track, face]) => face.isCertain || !track.misses);
    this.tracks = found.map(([track]) => track);
    return found.map(([track, face]) => track.follow(face, elapsed)).sort((one, other) => other.side - one.side);
  }

  /** Assign detected faces to tracks, start new ones, and end those whose faces are not found. */
  async #detect(image, seconds) {
    const start = performance.now(), waiting = new Set(this.tracks);
    let detected = await this.detector.detectLarge(image);
    for (const isSame of [(one, other) => overlap(one, other) >= MIN_OVERLAP, isNear]) {
      const rest = [];
      for (const face of detected) {
        const same = [...waiting].filter(track => isSame(track.box, face));
        const [track] = same.sort((one, other) => offset(one.box, face) - offset(other.box, face));
        if (!track) {
          rest.push(face);
          continue;
        }
        waiting.delete(track);
        track.misses = 0;
        if (!track.isCertain || !isClose(track.box, face)) track.restart(await this.detector.align(image, face));
      }
      detected = rest;
    }
    for (const track of waiting) track.misses++;
    this.tracks = this.tracks.filter(({ misses, isCertain }) => !misses || (isCertain && misses < MAX_MISSES));
    for (const face of detected) {
      this.tracks.push(new Track(++this.count, await this.detector.align(image, face)));
    }
    this.due = seconds + Math.max(INTERVAL, (performance.now() - start) / 1000 / MAX_SHARE);
  }
}

/** A face that is followed: between two detections, its box moves with its landmarks. */
class Track {
  constructor(number, box) {
    Object.assign(this, { number, misses: 0, isCertain: false });
    this.restart(box);
  }

  /** Continue from a detected box. */
  restart(box) {
    Object.assign(this, { box, isDetected: true });
  }

  /** Move the box to its place in the next frame, if the face moves on like before. */
  move(elapsed) {
    const seconds = Math.min(elapsed, MAX_MOVE);
    const next = this.points.map((point, i) => point.map((at, axis) => at + seconds * this.speed[i][axis]));
    this.box = this.#boxAround(next);
  }

  /** The face with smoothed points, from the predicted face of a frame. */
  follow(face, elapsed) {
    const { points, isCertain } = face, wasCertain = this.isCertain;
    if (!wasCertain) this.smoother = new LandmarkSmoother(points, face.side);
    if (this.isDetected || (isCertain && !wasCertain)) this.anchor = face;
    const before = wasCertain && isCertain ? this.points : points;
    this.speed = points.map((point, i) => point.map((at, axis) => (at - before[i][axis]) / elapsed));
    if (isCertain || this.isDetected) this.points = points;
    Object.assign(this, { isCertain, isDetected: false });
    if (!isCertain) return { ...face, track: this.number };
    const smooth = this.smoother.next(points, elapsed);
    return { ...face, ...this.#boxAround(smooth), points: smooth, track: this.number };
  }

  /** The anchor's box, moved with its landmarks to these points. */
  #boxAround(points) {
    const { x, y, side, rotation, score } = this.anchor, map = fitSimilarity(this.anchor.points, points);
    const [centreX, centreY] = apply(map, [x, y]);
    return {
      x: centreX,
      y: centreY,
      side: side * Math.min(Math.max(scaleOf(map), 1 / MAX_CHANGE), MAX_CHANGE),
      rotation: rotation + Math.atan2(map[3], map[0]) * 180 / Math.PI,
      score,
      alternatives: [],
    };
  }
}

/** Whether two boxes may show one face that moved fast. */
function isNear(one, other) {
  return offset(one, other) <= MAX_JUMP && ratio(one, other) <= MAX_SCALE;
}

/** Whether two boxes differ so little that the landmarks do not depend on it. */
function isClose(one, other) {
  return offset(one, other) <= MAX_OFFSET && ratio(one, other) <= MAX_SCALE && angleBetween(one, other) <= MAX_TURN;
}

/** Distance between the centres in sides of the second box. */
function offset(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y) / other.side;
}

/** Side of the larger box relative to that of the smaller one. */
function ratio(one, other) {
  return Math.max(one.side, other.side) / Math.min(one.side, other.side);
}
