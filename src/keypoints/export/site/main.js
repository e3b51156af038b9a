// The page: shows a photo and predicts the landmarks of the face in the box.

import { Camera } from "./camera.js";
import { download, toCsv, toJson } from "./files.js";
import { Network } from "./network.js";
import { Overlay } from "./overlay.js";

const part = name => document.getElementById(name);
const context = part("photo").getContext("2d", { willReadFrequently: true });
const camera = new Camera();
const FIRST_BOX = 0.5; // of the photo's shorter side

let network, overlay, photo = null, isBusy = false, isStale = false;
part("stage").classList.add("empty");

/** Show a bitmap or a video frame and predict the landmarks in a box, by default in the centre. */
function show(source, name, box = null) {
  const width = source.videoWidth ?? source.width, height = source.videoHeight ?? source.height;
  const isNew = !photo || photo.name !== name || photo.width !== width || photo.height !== height;
  photo = { name, width, height };
  if (isNew) Object.assign(context.canvas, { width, height });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0);
  part("stage").classList.remove("empty");
  part("stage").style.width = `min(100%, 44rem, ${(72 * width / height).toFixed(1)}vh)`;
  if (isNew || box) overlay.show(width, height, box ?? centralBox(width, height));
  return predict();
}

function centralBox(width, height) {
  const side = FIRST_BOX * Math.min(width, height);
  return { x: (width - side) / 2, y: (height - side) / 2, width: side, height: side };
}

/** Predict; changes during a prediction start another one. */
async function predict() {
  isStale = true;
  if (isBusy) return;
  isBusy = true;
  try {
    while (isStale) {
      isStale = false;
      const { box } = overlay, start = performance.now();
      overlay.face = await network.predict(context, box);
      showResult(box, overlay.face, performance.now() - start);
    }
  } finally {
    isBusy = false;
  }
}

function showResult(box, face, milliseconds) {
  overlay.draw();
  const mean = face.uncertainty.reduce((sum, distance) => sum + distance, 0) / face.uncertainty.length;
  part("status").textContent = `${face.points.length} points in ${milliseconds.toFixed(0)} ms, ` +
    `mean uncertainty ${mean.toFixed(1)} px`;
  part("numbers").textContent = JSON.stringify(toJson(photo, network.model, box, face), null, 1);
  for (const name of ["json", "csv"]) part(name).disabled = false;
}

async function openFile(file) {
  stopCamera();
  try {
    const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
    await show(await createImageBitmap(file, options), file.name);
  } catch (error) {
    part("status").textContent = `${file.name} cannot be opened: ${error.message}`;
  }
}

async function openSample(box) {
  const file = await fetch("sample.png").then(response => response.blob());
  stopCamera();
  await show(await createImageBitmap(file), "sample.png", box);
}

async function toggleCamera() {
  if (camera.isRunning) return stopCamera();
  try {
    const video = await camera.start();
    if (!video) return;
    part("camera").textContent = "Freeze this frame";
    while (camera.isRunning) {
      await show(video, "camera");
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    stopCamera();
    part("status").textContent = `The camera cannot be used: ${error.message}`;
  }
}

function stopCamera() {
  camera.stop();
  part("camera").textContent = "Use the camera";
}

function addListeners() {
  part("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) openFile(target.files[0]);
    target.value = ""; // allows choosing the same photo again
  });
  part("camera").addEventListener("click", toggleCamera);
  part("sample").addEventListener("click", () => openSample(network.model.sample_box));
  part("json").addEventListener("click", () => download(`${stem()}.json`, part("numbers").textContent + "\n"));
  part("csv").addEventListener("click", () =>
    download(`${stem()}.csv`, toCsv(photo, network.model, overlay.face)));
  addEventListener("resize", () => photo && overlay.draw());
  addEventListener("dragover", event => { event.preventDefault(); part("stage").classList.add("dropping"); });
  addEventListener("dragleave", () => part("stage").classList.remove("dropping"));
  addEventListener("drop", event => {
    event.preventDefault();
    part("stage").classList.remove("dropping");
    const file = event.dataTransfer.files[0];
    if (file) openFile(file);
  });
}

function stem() {
  return photo.name.replace(/\.[^.]*$/, "");
}

try {
  network = await Network.load();
  overlay = new Overlay(part("overlay"), network.model, predict);
  addListeners();
  part("status").textContent = `${network.model.name} is ready. Drop a photo, or try the rendered face.`;
  if (location.hash === "#rendered") await openSample(network.model.sample_box);
} catch (error) {
  part("status").textContent = `The network cannot be loaded: ${error.message}. The page must be served, ` +
    "for example with `python -m http.server`.";
}
