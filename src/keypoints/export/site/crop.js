// Crops a face as src/keypoints/crops/cropping.py does.

import { wholeFactor } from "./geometry.js";

/** A region of a 2D context's canvas, resized to the model's input: bytes (height, width, channels). */
export function cropAndResize(context, region, model) {
  const channels = model.colour ? 3 : 1;
  const smaller = shrink(readRegion(context, region, channels), model);
  return resize(smaller, model.width, model.height);
}

/** The RGB or grayscale pixels of a region; pixels outside the photo repeat its edges. */
function readRegion(context, { left, top, width, height }, channels) {
  const { canvas } = context;
  const x0 = clamp(left, canvas.width), x1 = clamp(left + width - 1, canvas.width);
  const y0 = clamp(top, canvas.height), y1 = clamp(top + height - 1, canvas.height);
  const inside = context.getImageData(x0, y0, x1 - x0 + 1, y1 - y0 + 1);
  const pixels = new Uint8ClampedArray(width * height * channels);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = (clamp(top + y, canvas.height) - y0) * inside.width;
    for (let x = 0; x < width; x++) {
      const from = 4 * (row + clamp(left + x, canvas.width) - x0);
      if (channels === 3) {
        for (let channel = 0; channel < 3; channel++) pixels[to++] = inside.data[from + channel];
      } else {
        pixels[to++] = gray(inside.data, from);
      }
    }
  }
  return { width, height, channels, pixels };
}

function gray(data, from) {
  return 0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2];
}

function clamp(position, length) {
  return Math.min(Math.max(position, 0), length - 1);
}

/** Average whole blocks of pixels, as large as a pixel of the crop allows. */
function shrink(image, model) {
  const factorX = wholeFactor(image.width, model.width), factorY = wholeFactor(image.height, model.height);
  if (factorX === 1 && factorY === 1) return image;
  const width = image.width / factorX, height = image.height / factorY, { channels } = image;
  const pixels = new Uint8ClampedArray(width * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let j = 0; j < factorY; j++) {
          const row = ((y * factorY + j) * image.width + x * factorX) * channels + channel;
          for (let i = 0; i < factorX; i++) sum += image.pixels[row + i * channels];
        }
        pixels[to++] = sum / (factorX * factorY);
      }
    }
  }
  return { width, height, channels, pixels };
}

/** Resize with bilinear interpolation. */
function resize(image, width, height) {
  const { channels, pixels } = image, resized = new Uint8ClampedArray(width * height * channels);
  const columns = samples(image.width, width), rows = samples(image.height, height);
  let to = 0;
  for (const row of rows) {
    const upper = row.first * image.width * channels, lower = row.second * image.width * channels;
    for (const column of columns) {
      const left = column.first * channels, right = column.second * channels;
      for (let channel = 0; channel < channels; channel++) {
        const above = lerp(pixels[upper + left + channel], pixels[upper + right + channel], column.weight);
        const below = lerp(pixels[lower + left + channel], pixels[lower + right + channel], column.weight);
        resized[to++] = lerp(above, below, row.weight);
      }
    }
  }
  return resized;
}

/** For each of `to` pixels: the two of `from` pixels that it lies between, and the second one's weight. */
function samples(from, to) {
  return Array.from({ length: to }, (_, index) => {
    const exact = Math.min(Math.max((index + 0.5) * from / to - 0.5, 0), from - 1);
    const first = Math.floor(exact);
    return { first, second: Math.min(first + 1, from - 1), weight: exact - first };
  });
}

function lerp(one, other, weight) {
  return one + (other - one) * weight;
}
