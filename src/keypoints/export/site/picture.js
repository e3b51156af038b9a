// The photo or the camera's frame, and the canvases that show it with its faces.

import { drawFace } from "./drawing.js";
import { compose, rotation } from "./geometry.js";

const MAX_PIXELS = 2 ** 24; // of a canvas on phones; larger photos are reduced
const MAX_SCALE = 4; // pixels of the shown canvas per pixel of a small photo
const MAX_CLOSE_UPS = 12, CLOSE_UP_BOXES = 1.6; // boxes across a close-up

export class Picture {
  /** Draws on a canvas, and the close-ups into an element. */
  constructor(canvas, closeUps, contours) {
    Object.assign(this, { canvas, closeUps, contours, name: "", isReduced: false, faces: [] });
    this.source = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  }

  get width() {
    return this.source.canvas.width;
  }

  get height() {
    return this.source.canvas.height;
  }

  /** Copy a bitmap or a frame of a video; `isMirrored`: as in a mirror. */
  load(image, name, { isMirrored = false } = {}) {
    const width = image.videoWidth ?? image.width, height = image.videoHeight ?? image.height;
    const factor = Math.min(1, Math.sqrt(MAX_PIXELS / (width * height)));
    Object.assign(this, { name, isReduced: factor < 1, faces: [] });
    resize(this.source.canvas, Math.floor(width * factor), Math.floor(height * factor));
    this.source.setTransform(isMirrored ? -1 : 1, 0, 0, 1, isMirrored ? this.width : 0, 0);
    this.source.fillStyle = "white";
    this.source.fillRect(0, 0, this.width, this.height);
    this.source.drawImage(image, 0, 0, this.width, this.height);
  }

  pixels() {
    return this.source.getImageData(0, 0, this.width, this.height);
  }

  /** Show the faces, on canvases that are as fine as the screen. */
  show(faces) {
    this.faces = faces;
    this.canvas.style.setProperty("--aspect", this.width / this.height);
    const wanted = Math.ceil(this.canvas.clientWidth * devicePixelRatio / this.width);
    const scale = Math.min(Math.max(wanted, 1), MAX_SCALE);
    resize(this.canvas, this.width * scale, this.height * scale);
    this.#draw(this.canvas, [scale, 0, 0, 0, scale, 0], faces, this.width / this.canvas.clientWidth);
    this.#showCloseUps(faces.slice(0, MAX_CLOSE_UPS));
  }

  /** Show each face upright. */
  #showCloseUps(faces) {
    const { children } = this.closeUps;
    while (children.length < faces.length) this.closeUps.append(document.createElement("canvas"));
    while (children.length > faces.length) this.closeUps.lastChild.remove();
    faces.forEach((face, i) => {
      const shown = children[i].clientWidth, size = Math.round(shown * devicePixelRatio);
      const x = face.x + 0.5, y = face.y + 0.5, scale = size / (CLOSE_UP_BOXES * face.side);
      const toCentre = [scale, 0, size / 2 - scale * x, 0, scale, size / 2 - scale * y];
      resize(children[i], size, size);
      this.#draw(children[i], compose(toCentre, rotation(-face.rotation, [x, y])), [face], size / scale / shown);
    });
  }

  /** The annotated picture at the size of the photo, as a PNG file. */
  toPng() {
    const copy = resize(document.createElement("canvas"), this.width, this.height);
    this.#draw(copy, [1, 0, 0, 0, 1, 0], this.faces, 1);
    return new Promise(resolve => copy.toBlob(resolve, "image/png"));
  }

  #draw(canvas, [a, b, c, d, e, f], faces, pixel) {
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(a, d, b, e, c, f);
    context.drawImage(this.source.canvas, 0, 0);
    context.translate(0.5, 0.5); // a canvas has its origin at the corner of a pixel, points at the centre
    for (const face of faces) drawFace(context, face, this.contours, pixel);
  }
}

function resize(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return canvas;
}
