// Cutting a face out of a photo as src/keypoints/crops/cutting.py does it.

import { wholeFactor } from "./geometry.js";

/** A region of a 2D context's canvas as bytes, (height, width, channels) of the model. */
export function cutCrop(context, region, model) {
  const channels = model.colour ? 3 : 1;
  const smaller = shrink(cutRegion(context, region, channels), model);
  return resize(smaller, model.width, model.height);
}

/** The pixels of a region, red, green and blue or grey; edges repeat beyond the photo. */
function cutRegion(context, { left, top, across, down }, channels) {
  const { width, height } = context.canvas;
  const x0 = clamp(left, width), x1 = clamp(left + across - 1, width);
  const y0 = clamp(top, height), y1 = clamp(top + down - 1, height);
  const inside = context.getImageData(x0, y0, x1 - x0 + 1, y1 - y0 + 1);
  const pixels = new Uint8ClampedArray(across * down * channels);
  let to = 0;
  for (let y = 0; y < down; y++) {
    const row = (clamp(top + y, height) - y0) * inside.width;
    for (let x = 0; x < across; x++) {
      const from = 4 * (row + clamp(left + x, width) - x0);
      if (channels === 3) {
        for (let channel = 0; channel < 3; channel++) pixels[to++] = inside.data[from + channel];
      } else {
        pixels[to++] = grey(inside.data, from);
      }
    }
  }
  return { width: across, height: down, channels, pixels };
}

function grey(data, from) {
  return 0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2];
}

function clamp(place, length) {
  return Math.min(Math.max(place, 0), length - 1);
}

/** Means of as many whole pixels as a pixel of the crop covers. */
function shrink(image, model) {
  const across = wholeFactor(image.width, model.width), down = wholeFactor(image.height, model.height);
  if (across === 1 && down === 1) return image;
  const width = image.width / across, height = image.height / down, { channels } = image;
  const pixels = new Uint8ClampedArray(width * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let j = 0; j < down; j++) {
          const row = ((y * down + j) * image.width + x * across) * channels + channel;
          for (let i = 0; i < across; i++) sum += image.pixels[row + i * channels];
        }
        pixels[to++] = sum / (across * down);
      }
    }
  }
  return { width, height, channels, pixels };
}

/** Interpolated between the four nearest pixels. */
function resize(image, width, height) {
  const { channels, pixels } = image, resized = new Uint8ClampedArray(width * height * channels);
  const columns = places(image.width, width), rows = places(image.height, height);
  let to = 0;
  for (const row of rows) {
    const upper = row.first * image.width * channels, lower = row.second * image.width * channels;
    for (const column of columns) {
      const left = column.first * channels, right = column.second * channels;
      for (let channel = 0; channel < channels; channel++) {
        const above = mix(pixels[upper + left + channel], pixels[upper + right + channel], column.share);
        const below = mix(pixels[lower + left + channel], pixels[lower + right + channel], column.share);
        resized[to++] = mix(above, below, row.share);
      }
    }
  }
  return resized;
}

function places(from, to) {
  return Array.from({ length: to }, (_, place) => {
    const exact = Math.min(Math.max((place + 0.5) * from / to - 0.5, 0), from - 1);
    const first = Math.floor(exact);
    return { first, second: Math.min(first + 1, from - 1), share: exact - first };
  });
}

function mix(one, other, share) {
  return one + (other - one) * share;
}
