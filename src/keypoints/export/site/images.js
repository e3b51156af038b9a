// Resizes and crops images as src/keypoints/crops/cropping.py and annotation/face_crops.py do.
//
// Integer arithmetic and rounding are those of OpenCV, so that both find the same faces.
//
// An image is {width, height, data}: RGBA bytes, row by row, as in ImageData; every pixel is opaque.

import { apply, compose, invert, resizeMap, rotation, roundToEven, scaleOf, wholeFactor } from "./geometry.js";

/** Resize: average whole blocks of pixels to shrink, then interpolate by the remaining factor. */
export function resize(image, width, height) {
  const factorX = wholeFactor(image.width, width), factorY = wholeFactor(image.height, height);
  const whole = { left: 0, top: 0, width: image.width, height: image.height };
  const smaller = factorX > 1 || factorY > 1
    ? average(image, whole, Math.floor(image.width / factorX), Math.floor(image.height / factorY)) : image;
  return interpolate(smaller, width, height);
}

/** Crop a region of an image after it was rotated so that the face in a box is upright: {crop, toCrop}. */
export function cropUpright(image, box, region, width, height) {
  const toCrop = compose(resizeMap(region, width, height), rotation(-box.rotation, [box.x, box.y]));
  const factor = Math.max(1, Math.floor(1 / scaleOf(toCrop)));
  const { piece, toPiece } = factor > 1 ? shrink(image, corners(invert(toCrop), width, height), factor)
    : { piece: image, toPiece: [1, 0, 0, 0, 1, 0] };
  return { crop: warp(piece, compose(toPiece, invert(toCrop)), width, height), toCrop };
}

/** Turn an image counterclockwise by 90 degrees. */
export function turn({ width, height, data }) {
  const from = new Uint32Array(data.buffer, data.byteOffset, width * height), turned = new Uint32Array(from.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) turned[(width - 1 - x) * height + y] = from[y * width + x];
  }
  return { width: height, height: width, data: new Uint8ClampedArray(turned.buffer) };
}

/** Corners of an image of this size, mapped. */
function corners(map, width, height) {
  return [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y]) => apply(map, [x - 0.5, y - 0.5]));
}

/** The part of an image between some points, shrunk by a whole factor, and the map to it. */
function shrink(image, points, factor) {
  const span = (axis, length) => {
    const at = points.map(point => point[axis]);
    const start = clamp(Math.floor(Math.min(...at)) - factor, 0, length - 1);
    const end = clamp(Math.ceil(Math.max(...at)) + 2 * factor, 1, length);
    const cells = Math.max(1, Math.floor((end - start) / factor));
    return { start, cells, length: Math.min(start + cells * factor, length) - start };
  };
  const x = span(0, image.width), y = span(1, image.height);
  const region = { left: x.start, top: y.start, width: x.length, height: y.length };
  return { piece: average(image, region, x.cells, y.cells), toPiece: resizeMap(region, x.cells, y.cells) };
}

/** Each pixel becomes the interpolation at its mapped place; pixels of the edge are repeated outside. */
function warp({ width, height, data }, [a, b, c, d, e, f], outWidth, outHeight) {
  const warped = new Uint8ClampedArray(4 * outWidth * outHeight).fill(255);
  let to = 0;
  for (let v = 0; v < outHeight; v++) {
    const rowX = roundToEven((b * v + c) * 1024) + 16, rowY = roundToEven((e * v + f) * 1024) + 16;
    for (let u = 0; u < outWidth; u++, to += 4) {
      const x = rowX + roundToEven(a * u * 1024) >> 5, y = rowY + roundToEven(d * u * 1024) >> 5; // in 1/32 px
      const x0 = clamp(x >> 5, 0, width - 1), x1 = clamp((x >> 5) + 1, 0, width - 1);
      const y0 = clamp(y >> 5, 0, height - 1) * width, y1 = clamp((y >> 5) + 1, 0, height - 1) * width;
      for (let channel = 0; channel < 3; channel++) {
        const above = data[4 * (y0 + x0) + channel] * (32 - (x & 31)) + data[4 * (y0 + x1) + channel] * (x & 31);
        const below = data[4 * (y1 + x0) + channel] * (32 - (x & 31)) + data[4 * (y1 + x1) + channel] * (x & 31);
        warped[to + channel] = above * (32 - (y & 31)) + below * (y & 31) + 512 >> 10;
      }
    }
  }
  return { width: outWidth, height: outHeight, data: warped };
}

/** Resize with bilinear interpolation. */
function interpolate({ width, height, data }, outWidth, outHeight) {
  const resized = new Uint8ClampedArray(4 * outWidth * outHeight).fill(255);
  const columns = neighbours(width, outWidth), rows = neighbours(height, outHeight);
  let to = 0;
  for (let v = 0; v < outHeight; v++) {
    const y0 = rows.first[v] * width, y1 = rows.second[v] * width, below = rows.weight[v];
    for (let u = 0; u < outWidth; u++, to += 4) {
      const x0 = columns.first[u], x1 = columns.second[u], right = columns.weight[u];
      for (let channel = 0; channel < 3; channel++) {
        const one = data[4 * (y0 + x0) + channel] * (2048 - right) + data[4 * (y0 + x1) + channel] * right;
        const other = data[4 * (y1 + x0) + channel] * (2048 - right) + data[4 * (y1 + x1) + channel] * right;
        resized[to + channel] = ((one >> 4) * (2048 - below) >> 16) + ((other >> 4) * below >> 16) + 2 >> 2;
      }
    }
  }
  return { width: outWidth, height: outHeight, data: resized };
}

/** For each of `to` pixels: the two of `from` pixels between which it lies, and the weight of the second of 2048. */
function neighbours(from, to) {
  const exact = Array.from({ length: to }, (_, i) => Math.fround((i + 0.5) * from / to - 0.5));
  return {
    first: exact.map(at => clamp(Math.floor(at), 0, from - 1)),
    second: exact.map(at => clamp(Math.floor(at) + 1, 0, from - 1)),
    weight: exact.map(at => roundToEven((at - Math.floor(at)) * 2048)),
  };
}

/** Resize a region; each pixel becomes the mean of the pixels that it covers. */
function average({ width, data }, region, outWidth, outHeight) {
  const columns = shares(region.left, region.width, outWidth), rows = shares(region.top, region.height, outHeight);
  const averaged = new Uint8ClampedArray(4 * outWidth * outHeight).fill(255), line = new Float32Array(4 * width);
  const roundsUp = columns.length === 2 && rows.length === 2 ? 0.01 : 0; // else to even
  let to = 0;
  for (let v = 0; v < outHeight; v++) {
    line.fill(0);
    for (let j = 0; j < rows.taps; j++) {
      const share = rows.share[v * rows.taps + j], start = 4 * width * (rows.first[v] + j);
      if (share) for (let i = 0; i < line.length; i++) line[i] += share * data[start + i];
    }
    for (let u = 0; u < outWidth; u++, to += 4) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let i = 0, from = 4 * columns.first[u] + channel; i < columns.taps; i++, from += 4) {
          sum += columns.share[u * columns.taps + i] * line[from];
        }
        averaged[to + channel] = sum / (columns.length * rows.length) + roundsUp;
      }
    }
  }
  return { width: outWidth, height: outHeight, data: averaged };
}

/** For each of `to` pixels: the first of the `from` pixels from `start` that it covers, and how much of each. */
function shares(start, from, to) {
  const length = from / to, taps = Math.min(Math.ceil(length - 1e-6) + 1, from);
  const first = Int32Array.from({ length: to }, (_, i) => Math.min(Math.floor(i * length + 1e-6), from - taps));
  const share = Float32Array.from({ length: to * taps }, (_, i) => {
    const index = Math.floor(i / taps), pixel = first[index] + i % taps;
    return Math.max(0, Math.min(pixel + 1, (index + 1) * length) - Math.max(pixel, index * length));
  });
  return { length, taps, share, first: first.map(pixel => start + pixel) };
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
