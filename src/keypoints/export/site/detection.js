// Detects faces from coarse to fine, in any orientation, as src/keypoints/annotation/detection.py does.

import { angleBetween, apply, compose, invert, modulo, overlap, resizeMap, roundToEven, scaleOf, translation } from
  "./geometry.js";
import { cropUpright, resize, turn } from "./images.js";

// The values and their reasons are those of detection.py.
const COARSE_SIDE = 320, MIDDLE_SIDE = 1000; // px
const MIN_FACE_SIDE = 20, MIN_FACE_FRACTION = 0.01, DETECTABLE_SIDE = 22;
const MAX_TILE = 1280, TILE_OVERLAP = 96;
const MIN_CANDIDATE = 0.2, MIN_CLEAR = 0.5, MIN_SCORE = 0.8, MIN_WEAK_SCORE = 0.85;
const MIN_TURNED_SCORE = 0.85, MIN_OTHER_ANGLE_SCORE = 0.9, MAX_ANGLE = 60;
const CONFIDENT_SCORE = 0.92, CERTAIN_SCORE = 0.94, UPRIGHT_SCORE = 0.9, MAX_UPRIGHT_ANGLE = 45;
const TURNED_PENALTY = 0.0001, REFINED_ANGLES = 3, MIN_TURN = 40, MAX_SCORE_GAP = 0.03;
const MAX_OVERLAP = 0.5;
const LARGE_SIDE = 110, SMALL_ANGLE = 12;
const CLOSE_UP_SIDE = 256, CLOSE_UP_BOXES = 1.5, SKETCH_SIDE = 128, CLOSE_UPS = 4;
const EYES_WEIGHT = 0.875, BELOW = 0.168, BOX_SIDE = 0.916;

/** Detects faces of images with YuNet. A face is a box, {x, y, side, rotation}, with a score and other orientations. */
export class FaceDetector {
  constructor(yunet) {
    this.yunet = yunet;
  }

  /** All faces of a photo, the largest first. */
  async detect(photo) {
    const images = pyramid(photo);
    const isUpright = face => Math.abs(face.rotation) <= MAX_UPRIGHT_ANGLE;
    let faces = await this.#alignAll(photo, suppress(await this.#search(images.flatMap(cut), [0], MIN_CANDIDATE)));
    const confident = faces.filter(face => face.score >= CONFIDENT_SCORE);
    if (!confident.some(isUpright)) {
      const whole = images.filter(({ image }) => Math.max(image.width, image.height) <= MAX_TILE).flatMap(cut);
      const turned = suppress(await this.#search(whole, [1, 2, 3], MIN_CLEAR));
      const others = turned.filter(face => confident.every(other => overlap(face, other) < MAX_OVERLAP));
      faces = [...faces, ...await this.#alignAll(photo, others)];
    }
    const [best] = [...faces].sort(byScore);
    const minScore = face => {
      if (angleBetween(face, best) > MAX_ANGLE) return MIN_OTHER_ANGLE_SCORE;
      return face !== best && !isUpright(best) ? MIN_TURNED_SCORE : MIN_SCORE;
    };
    const kept = suppress(faces.filter(face => face.score >= minScore(face)));
    return kept.sort((one, other) => other.side - one.side);
  }

  /** Faces that are large and roughly upright, for frames of a camera; `align` finds their angles. */
  async detectLarge(photo) {
    return suppress(await this.#search(cut(pyramid(photo).at(-1)), [0], MIN_SCORE));
  }

  /** Detect faces in tiles after a number of quarter turns counterclockwise. */
  async #search(tiles, turns, minScore) {
    const found = [];
    for (const { image, toImage, tile } of tiles) {
      let turned = image, toTurned = toImage;
      for (let quarters = 0; quarters <= Math.max(...turns); quarters++) {
        if (quarters) {
          toTurned = compose([0, 1, 0, -1, 0, turned.width - 1], toTurned);
          turned = turn(turned);
        }
        if (!turns.includes(quarters)) continue;
        await pause();
        const area = quarters ? whole(turned) : tile;
        const toTile = compose(translation(-area.left, -area.top), toTurned);
        found.push(...toBoxes(await this.yunet(turned, area, minScore), invert(toTile)));
      }
    }
    return found;
  }

  async #alignAll(photo, faces) {
    const aligned = [];
    for (const face of faces) aligned.push(await this.align(photo, face));
    return aligned;
  }

  /** Find the angle of a head in close-ups, unless it is large and upright without any doubt. */
  async align(photo, face) {
    const longer = Math.max(photo.width, photo.height), coarseSide = face.side * pyramidSides(longer).at(-1) / longer;
    const isUpright = Math.abs(face.rotation) <= SMALL_ANGLE && face.score >= CONFIDENT_SCORE;
    if (isUpright && coarseSide >= LARGE_SIDE) return face;
    await pause();
    const refined = await this.#refine(photo, face);
    if (face.score < MIN_CLEAR) return refined.score >= MIN_WEAK_SCORE ? refined : face;
    const wasUpright = Math.abs(face.rotation) <= MAX_UPRIGHT_ANGLE && face.score >= UPRIGHT_SCORE;
    if (refined.score >= (wasUpright ? CONFIDENT_SCORE : CERTAIN_SCORE)) return refined;
    const closeUps = [];
    for (let angle = 45; angle < 360; angle += 45) {
      closeUps.push(await this.#lookCloser(photo, { ...face, rotation: face.rotation + angle }, SKETCH_SIDE));
    }
    const likely = [refined];
    for (const closeUp of closeUps.sort(byRank).slice(0, REFINED_ANGLES)) {
      likely.push(await this.#refine(photo, closeUp));
    }
    const [best, ...others] = likely.sort(byRank);
    if (!best.score) return face;
    const alternatives = [];
    for (const other of others) {
      const isNew = [best, ...alternatives].every(each => angleBetween(other, each) > MIN_TURN);
      if (isNew && other.score > best.score - MAX_SCORE_GAP) alternatives.push(other);
    }
    return { ...best, alternatives };
  }

  /** Turn a face upright in close-ups until none of them shows a remaining angle. */
  async #refine(photo, face) {
    for (let i = 0; i < CLOSE_UPS; i++) {
      const closer = await this.#lookCloser(photo, face);
      if (!closer.score || angleBetween(closer, face) <= SMALL_ANGLE) return closer;
      face = closer;
    }
    return face;
  }

  /** Detect a face again in a close-up that its angle turns upright. */
  async #lookCloser(photo, face, side = CLOSE_UP_SIDE) {
    const half = CLOSE_UP_BOXES * face.side / 2;
    const left = roundToEven(face.x - half), top = roundToEven(face.y - half);
    const region = {
      left,
      top,
      width: Math.max(roundToEven(face.x + half) - left, 1),
      height: Math.max(roundToEven(face.y + half) - top, 1),
    };
    const { crop, toCrop } = cropUpright(photo, face, region, side, side);
    const found = toBoxes(await this.yunet(crop, whole(crop), MIN_CLEAR), invert(toCrop));
    const [best] = found.filter(other => overlap(face, other) >= MAX_OVERLAP).sort(byScore);
    return best ?? { ...face, score: 0 };
  }
}

/** The photo at the size that small faces need and, if that is large, at smaller ones: {image, toImage}. */
function pyramid(photo) {
  const longer = Math.max(photo.width, photo.height), images = [];
  for (const side of pyramidSides(longer)) {
    const scaled = length => Math.max(1, roundToEven(length * side / longer));
    const image = resize(images.at(-1)?.image ?? photo, scaled(photo.width), scaled(photo.height));
    const region = { left: 0, top: 0, width: photo.width, height: photo.height };
    images.push({ image, toImage: resizeMap(region, image.width, image.height) });
  }
  return images;
}

/** Longer sides of a photo's images, from that of the photo. */
function pyramidSides(longer) {
  const largest = longer * DETECTABLE_SIDE / Math.max(MIN_FACE_SIDE, MIN_FACE_FRACTION * longer);
  return [largest, ...[MIDDLE_SIDE, COARSE_SIDE].filter(side => largest > 1.28 * side)];
}

/** Divide an image into overlapping tiles, one if it is small. */
function cut({ image, toImage }) {
  return spans(image.height).flatMap(([top, bottom]) => spans(image.width).map(([left, right]) =>
    ({ image, toImage, tile: { left, top, right, bottom } })));
}

function spans(length) {
  const tiles = Math.max(1, Math.ceil((length - TILE_OVERLAP) / (MAX_TILE - TILE_OVERLAP)));
  if (tiles === 1) return [[0, length]];
  const step = Math.ceil((length - TILE_OVERLAP) / tiles);
  return Array.from({ length: tiles }, (_, i) => [i * step, Math.min((i + 1) * step + TILE_OVERLAP, length)]);
}

function whole({ width, height }) {
  return { left: 0, top: 0, right: width, bottom: height };
}

/** Boxes like those that the landmark network was trained on, from YuNet's, and the map of their image to the photo. */
function toBoxes(faces, toPhoto) {
  return faces.map(({ x, y, width, height, eyes, score }) => {
    const [left, right] = eyes.map(eye => apply(toPhoto, eye)), centre = apply(toPhoto, [x, y]);
    const angle = Math.atan2(right[1] - left[1], right[0] - left[0]);
    const side = Math.sqrt(width * height) * scaleOf(toPhoto);
    const move = (axis, down) =>
      centre[axis] + EYES_WEIGHT * ((left[axis] + right[axis]) / 2 - centre[axis]) + BELOW * side * down;
    return {
      x: move(0, -Math.sin(angle)),
      y: move(1, Math.cos(angle)),
      side: BOX_SIDE * side,
      rotation: angle * 180 / Math.PI,
      score,
      alternatives: [],
    };
  });
}

/** Keep the face with the highest score of those whose boxes overlap, the best first. */
function suppress(faces) {
  const kept = [];
  for (const face of [...faces].sort(byScore)) {
    if (kept.every(other => overlap(face, other) < MAX_OVERLAP)) kept.push(face);
  }
  return kept;
}

function byScore(one, other) {
  return other.score - one.score;
}

/** By score, a little lower for turned heads: upright ones are far more frequent. */
function byRank(one, other) {
  const rank = ({ score, rotation }) => score - TURNED_PENALTY * Math.abs(modulo(rotation + 180, 360) - 180);
  return rank(other) - rank(one);
}

/** Let the browser paint and handle events. */
function pause() {
  return new Promise(resolve => setTimeout(resolve));
}
