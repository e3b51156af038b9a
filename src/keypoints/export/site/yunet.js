// Runs YuNet, which detects faces of about 10 to 300 px, as src/keypoints/annotation/yunet.py does.

import { openNetwork } from "./onnx.js";

const STRIDES = [8, 16, 32]; // px of the cells in which the network detects faces
const MAX_IOU = 0.3; // of boxes of different faces

/** Load the network; returns a function of an image, a tile of it and a score that finds faces in the tile. */
export async function loadYunet() {
  const network = await openNetwork("yunet.onnx");
  return async (image, tile, minScore) => {
    const { planes, width, height } = toPlanes(image, tile);
    const outputs = await network({ input: ["float32", planes, [1, 3, height, width]] });
    const found = STRIDES.flatMap(stride => decode(outputs, stride, width / stride, minScore));
    return suppress(found.sort((one, other) => other.score - one.score));
  };
}

/** Blue, green and red planes of a tile; black pixels make its sides multiples of 32 px. */
function toPlanes(image, { left, top, right, bottom }) {
  const multiple = length => Math.ceil(length / STRIDES[2]) * STRIDES[2];
  const width = multiple(right - left), height = multiple(bottom - top), size = width * height;
  const planes = new Float32Array(3 * size);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const from = 4 * (y * image.width + x), to = (y - top) * width + x - left;
      for (let plane = 0; plane < 3; plane++) planes[plane * size + to] = image.data[from + 2 - plane];
    }
  }
  return { planes, width, height };
}

/** Faces {x, y, width, height, eyes, score} in the cells of one level, in pixels of the tile; (x, y): the centre. */
function decode(outputs, stride, columns, minScore) {
  const read = name => outputs[`${name}_${stride}`].data;
  const classes = read("cls"), objects = read("obj"), boxes = read("bbox"), points = read("kps");
  const found = [], limit = value => Math.min(Math.max(value, 0), 1);
  classes.forEach((value, cell) => {
    const score = Math.sqrt(limit(value) * limit(objects[cell]));
    if (score < minScore) return;
    const column = cell % columns, row = Math.floor(cell / columns);
    const [x, y, width, height] = boxes.subarray(4 * cell, 4 * cell + 4);
    const eye = start => [(column + points[start]) * stride, (row + points[start + 1]) * stride];
    found.push({
      x: (column + x) * stride,
      y: (row + y) * stride,
      width: Math.exp(width) * stride,
      height: Math.exp(height) * stride,
      eyes: [eye(10 * cell), eye(10 * cell + 2)], // the one on the left of the image first
      score,
    });
  });
  return found;
}

/** Non-maximum suppression of faces, of which the best come first. */
function suppress(faces) {
  const kept = [];
  for (const face of faces) if (kept.every(other => iou(face, other) <= MAX_IOU)) kept.push(face);
  return kept;
}

function iou(one, other) {
  const shared = (centre, side) => Math.max(0, Math.min(one[centre] + one[side] / 2, other[centre] + other[side] / 2)
    - Math.max(one[centre] - one[side] / 2, other[centre] - other[side] / 2));
  const intersection = shared("x", "width") * shared("y", "height");
  return intersection / (one.width * one.height + other.width * other.height - intersection);
}
