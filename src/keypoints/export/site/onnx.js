// Opens networks in onnxruntime-web.

import * as ort from "./ort/ort.wasm.min.js";

const address = name => new URL(`./ort/${name}`, import.meta.url).href;
ort.env.wasm.numThreads = 1; // threads need HTTP headers that a plain file server does not send
ort.env.wasm.wasmPaths = { mjs: address("ort-wasm-simd-threaded.js"), wasm: address("ort-wasm-simd-threaded.wasm") };

/** Open a network; returns a function from its named inputs, {name: [type, data, shape]}, to its outputs. */
export async function openNetwork(file) {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 }); // errors
  return inputs => session.run(Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [name, new ort.Tensor(...input)])));
}
