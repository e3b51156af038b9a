// Predicts the landmarks of faces as src/keypoints/annotation/predictor.py does.

import { apply, cropRegion, invert } from "./geometry.js";
import { cropUpright } from "./images.js";
import { openNetwork } from "./onnx.js";

/** Load the network; returns a function that adds the points of the faces in an image. */
export async function loadLandmarks(model) {
  const network = await openNetwork("model.onnx");
  return async (image, faces) => {
    const predicted = [];
    for (const face of faces) {
      const orientations = [];
      for (const box of [face, ...face.alternatives]) {
        orientations.push(toFace(box, await predict(network, model, image, box), model));
      }
      predicted.push(orientations.reduce((best, other) => other.disagreement < best.disagreement ? other : best));
    }
    return predicted;
  };
}

/**
 * Means of the predictions for the upright crop of a face and for its horizontal flip, in photo pixels, and the
 * distances between the two.
 */
async function predict(network, model, image, box) {
  const { width, height, flip_indices: flipIndices } = model, n = flipIndices.length;
  const { crop, toCrop } = cropUpright(image, box, cropRegion(box, model), width, height);
  const channels = model.colour ? 3 : 1;
  const both = toBytes(crop, channels);
  const { landmarks_unit: { data } } = await network({ crops: ["uint8", both, [2, height, width, channels]] });
  const toPhoto = invert(toCrop);
  const place = (x, y) => apply(toPhoto, [x * width - 0.5, y * height - 0.5]);
  const points = [], uncertainty = [];
  flipIndices.forEach((partner, i) => {
    const [x, y] = place(data[2 * i], data[2 * i + 1]);
    const [u, v] = place(1 - data[2 * (n + partner)], data[2 * (n + partner) + 1]);
    points.push([(x + u) / 2, (y + v) / 2]);
    uncertainty.push(Math.hypot(x - u, y - v));
  });
  return { points, uncertainty };
}

/** The RGB or gray bytes of a crop, followed by those of its horizontal flip. */
function toBytes({ width, height, data }, channels) {
  const size = width * height * channels, bytes = new Uint8Array(2 * size);
  for (let y = 0, from = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, from += 4, to += channels) {
      const flipped = size + ((y + 1) * width - 1 - x) * channels, [r, g, b] = data.subarray(from, from + 3);
      const values = channels === 3 ? [r, g, b] : [Math.round(0.299 * r + 0.587 * g + 0.114 * b)];
      bytes.set(values, to);
      bytes.set(values, flipped);
    }
  }
  return bytes;
}

/** A face, which is certain if the distances of its predictions are small relative to its box. */
export function toFace(box, { points, uncertainty }, model) {
  const disagreement = uncertainty.reduce((sum, distance) => sum + distance, 0) / uncertainty.length / box.side;
  const isCertain = disagreement <= model.max_disagreement;
  const certainPoints = uncertainty.map(distance => isCertain && distance <= model.max_point_disagreement * box.side);
  return { ...box, alternatives: [], points, uncertainty, disagreement, isCertain, certainPoints };
}
