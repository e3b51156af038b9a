// The page: opens photos and the camera, finds the faces and shows their points.

import { Camera } from "./camera.js";
import { FaceDetector } from "./detection.js";
import { download, toCsv, toJson } from "./files.js";
import { loadLandmarks, toFace } from "./landmarks.js";
import { Picture } from "./picture.js";
import { FaceTracker } from "./tracking.js";
import { loadYunet } from "./yunet.js";

const part = name => document.getElementById(name);
const camera = new Camera();
let model, picture, detector, predict;
let lastJob = Promise.resolve(), newest = 0; // jobs run one after the other, of waiting ones only the newest

function setStatus(headline, note = "") {
  part("headline").textContent = headline;
  part("note").textContent = note;
}

/** Run a job after the one that is running; `isStale()` is true once another one waits. */
function run(job) {
  const number = ++newest, isStale = () => number !== newest;
  lastJob = lastJob.then(() => isStale() || job(isStale)).catch(error => setStatus("Something failed", error.message));
  return lastJob;
}

/** Find and show the faces of a photo. */
function openPhoto(file) {
  stopCamera();
  return run(async isStale => {
    setStatus(`Reading ${file.name} …`);
    const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
    const bitmap = await createImageBitmap(file, options).catch(() => null);
    if (!bitmap) return setStatus(`${file.name} cannot be opened`, "This browser does not show files of this format.");
    picture.load(bitmap, file.name);
    showFaces([]);
    setStatus("Searching for faces …");
    const start = performance.now(), image = picture.pixels();
    const faces = await predict(image, await detector.detect(image));
    if (isStale()) return;
    showFaces(faces);
    const size = `${picture.width} × ${picture.height} px${picture.isReduced ? " (reduced)" : ""}`;
    setStatus(describe(faces), `${size}, ${((performance.now() - start) / 1000).toFixed(1)} s on this device`);
  });
}

async function openSample() {
  const file = await fetch("sample.jpg").then(response => response.blob());
  return openPhoto(Object.assign(file, { name: "sample.jpg" }));
}

/** Follow the faces in front of the camera until it stops. */
async function openCamera() {
  const before = newest;
  const video = await camera.start().catch(error => setStatus("The camera cannot be used", error.message));
  if (!video) return;
  if (newest !== before) return stopCamera(); // the visitor opened a photo first
  part("camera").textContent = "Freeze the picture";
  await run(async () => {
    const tracker = new FaceTracker(detector, predict);
    let start = performance.now(), frames = 0;
    for (;;) {
      await new Promise(requestAnimationFrame);
      if (!camera.isRunning) break;
      picture.load(video, "camera", { isMirrored: true });
      showFaces(await tracker.next(picture.pixels(), performance.now() / 1000), { isLive: true });
      const seconds = (performance.now() - start) / 1000;
      if (++frames && seconds < 0.5) continue;
      setStatus(describeCount(picture.faces), `Live, ${Math.round(frames / seconds)} pictures per second`);
      [start, frames] = [performance.now(), 0];
    }
    setStatus(describe(picture.faces), "Frozen picture of the camera");
    showFaces(picture.faces);
  });
}

function stopCamera() {
  camera.stop();
  part("camera").textContent = "Use the camera";
}

function showFaces(faces, { isLive = false } = {}) {
  picture.show(faces);
  part("close-ups-caption").hidden = !faces.length;
  part("caption").hidden = picture.name !== model.sample.name;
  for (const name of ["json", "csv"]) part(name).disabled = !faces.length;
  if (!isLive || part("details").open) part("numbers").textContent = toJson(picture, model, faces);
}

function describeCount({ length }) {
  return length === 0 ? "No face found" : length === 1 ? "1 face" : `${length} faces`;
}

/** A sentence such as `2 faces, 7 of their 136 points are uncertain`. */
function describe(faces) {
  const count = describeCount(faces), certain = faces.filter(face => face.isCertain);
  const unsure = faces.length - certain.length;
  if (!faces.length) return count;
  if (unsure) return `${count}, ${unsure} of them uncertain: the orange points may be wrong`;
  const points = certain.flatMap(face => face.certainPoints), few = points.filter(isCertain => !isCertain).length;
  if (!few) return `${count}, all points certain`;
  return `${count}, ${few} of the ${points.length} points ${few === 1 ? "is" : "are"} uncertain`;
}

function addListeners() {
  const save = (suffix, type, write) =>
    download(`${stem()}.${suffix}`, new Blob([write(picture, model, picture.faces), "\n"], { type }));
  part("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) openPhoto(target.files[0]);
    target.value = ""; // allows choosing the same photo again
  });
  part("camera").addEventListener("click", () => camera.isRunning ? stopCamera() : openCamera());
  part("sample").addEventListener("click", openSample);
  part("save").addEventListener("click", async () => download(`${stem()}_points.png`, await picture.toPng()));
  part("json").addEventListener("click", () => save("json", "application/json", toJson));
  part("csv").addEventListener("click", () => save("csv", "text/csv", toCsv));
  addEventListener("dragover", event => { event.preventDefault(); part("stage").classList.add("dropping"); });
  addEventListener("dragleave", () => part("stage").classList.remove("dropping"));
  addEventListener("drop", event => {
    event.preventDefault();
    part("stage").classList.remove("dropping");
    if (event.dataTransfer.files[0]) openPhoto(event.dataTransfer.files[0]);
  });
}

function stem() {
  return picture.name.replace(/\.[^.]*$/, "");
}

/** Show the sample with its points, which were predicted when the page was built. */
async function showSample() {
  const [description, file] = await Promise.all([fetch("model.json"), fetch("sample.jpg")]);
  model = await description.json();
  picture = new Picture(part("picture"), part("close-ups"), model.contours);
  picture.load(await createImageBitmap(await file.blob()), model.sample.name);
  showFaces(model.sample.faces.map(face => toFace(face, face, model)));
  addEventListener("resize", () => picture.show(picture.faces));
  part("save").disabled = false;
}

async function loadNetworks() {
  if (typeof WebAssembly !== "object") {
    throw new Error("this browser does not run WebAssembly, or it is switched off");
  }
  const [yunet, landmarks] = await Promise.all([loadYunet(), loadLandmarks(model)]);
  [detector, predict] = [new FaceDetector(yunet), landmarks];
}

try {
  await showSample();
  setStatus("Loading the networks …", `${model.megabytes} MB, once`);
  await loadNetworks();
  addListeners();
  for (const name of ["file", "camera", "sample"]) part(name).disabled = false;
  setStatus("Ready for your photo", `The sample: ${describe(picture.faces)}`);
} catch (error) {
  setStatus("The networks cannot be loaded", error.message);
}
