// The network, run by onnxruntime-web on one thread of this machine.

import * as ort from "./ort/ort.wasm.min.mjs";
import { cutCrop } from "./crop.js";
import { regionOf, toPhoto } from "./geometry.js";

ort.env.wasm.numThreads = 1; // more would take headers that a plain file server does not send
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

export class Network {
  static async load() {
    const [model, session] = await Promise.all([
      fetch("model.json").then(answer => answer.json()),
      ort.InferenceSession.create("model.onnx"),
    ]);
    return new Network(model, session);
  }

  constructor(model, session) {
    this.model = model;
    this.session = session;
  }

  /** Points of the face in a box: {points: [[x, y]], uncertainty: [px]} in pixels of the photo. */
  async predict(context, box) {
    const region = regionOf(box, this.model);
    const crop = cutCrop(context, region, this.model);
    const { height, width, colour } = this.model, shape = [2, height, width, colour ? 3 : 1];
    const both = new Uint8Array(2 * crop.length);
    both.set(crop);
    both.set(mirrored(crop, width, shape[3]), crop.length);
    const answer = await this.session.run({ crops: new ort.Tensor("uint8", both, shape) });
    return this.#joined(answer.landmarks_unit.data, region);
  }

  /** The mean of the answers to the face and to its mirror image, and how far they lie apart. */
  #joined(data, region) {
    const order = this.model.mirror_order, points = [], uncertainty = [];
    order.forEach((twin, point) => {
      const there = 2 * (order.length + twin);
      const plain = toPhoto([data[2 * point], data[2 * point + 1]], region);
      const mirror = toPhoto([1 - data[there], data[there + 1]], region);
      points.push([(plain[0] + mirror[0]) / 2, (plain[1] + mirror[1]) / 2]);
      uncertainty.push(Math.hypot(plain[0] - mirror[0], plain[1] - mirror[1]));
    });
    return { points, uncertainty };
  }
}

function mirrored(crop, width, channels) {
  const turned = new Uint8Array(crop.length), row = width * channels;
  for (let start = 0; start < crop.length; start += row) {
    for (let x = 0; x < width; x++) {
      const from = start + (width - 1 - x) * channels;
      turned.set(crop.subarray(from, from + channels), start + x * channels);
    }
  }
  return turned;
}
