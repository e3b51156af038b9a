// Runs the network with onnxruntime-web in the visitor's browser.

import * as ort from "./ort/ort.wasm.min.mjs";
import { cropAndResize } from "./crop.js";
import { cropRegion, unitToPhoto } from "./geometry.js";

ort.env.wasm.numThreads = 1; // threads need HTTP headers that a plain file server does not send
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

export class Network {
  static async load() {
    const [model, session] = await Promise.all([
      fetch("model.json").then(response => response.json()),
      ort.InferenceSession.create("model.onnx"),
    ]);
    return new Network(model, session);
  }

  constructor(model, session) {
    this.model = model;
    this.session = session;
  }

  /** Landmarks of the face in a box, in photo pixels: {points: [[x, y]], uncertainty: [px]}. */
  async predict(context, box) {
    const region = cropRegion(box, this.model);
    const crop = cropAndResize(context, region, this.model);
    const { height, width, colour } = this.model, shape = [2, height, width, colour ? 3 : 1];
    const both = new Uint8Array(2 * crop.length);
    both.set(crop);
    both.set(hflip(crop, width, shape[3]), crop.length);
    const output = await this.session.run({ crops: new ort.Tensor("uint8", both, shape) });
    return this.#combine(output.landmarks_unit.data, region);
  }

  /** The mean of the predictions for the crop and for its horizontal flip, and the distance between the two. */
  #combine(data, region) {
    const indices = this.model.flip_indices, points = [], uncertainty = [];
    indices.forEach((partner, point) => {
      const start = 2 * (indices.length + partner);
      const plain = unitToPhoto([data[2 * point], data[2 * point + 1]], region);
      const flipped = unitToPhoto([1 - data[start], data[start + 1]], region);
      points.push([(plain[0] + flipped[0]) / 2, (plain[1] + flipped[1]) / 2]);
      uncertainty.push(Math.hypot(plain[0] - flipped[0], plain[1] - flipped[1]));
    });
    return { points, uncertainty };
  }
}

function hflip(crop, width, channels) {
  const flipped = new Uint8Array(crop.length), row = width * channels;
  for (let start = 0; start < crop.length; start += row) {
    for (let x = 0; x < width; x++) {
      const from = start + (width - 1 - x) * channels;
      flipped.set(crop.subarray(from, from + channels), start + x * channels);
    }
  }
  return flipped;
}
