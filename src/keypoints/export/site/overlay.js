// The box and the landmarks over the photo; pointer and keys move the box.

const SPACE = "http://www.w3.org/2000/svg";
const STEP = 0.02; // in widths of the box, per key press
const MIN_SIDE = 16; // px

export class Overlay {
  /** `onMove(box)` is called whenever the visitor moves or resizes the box. */
  constructor(svg, model, onMove) {
    Object.assign(this, { svg, model, onMove, box: null, face: null, grip: null });
    svg.addEventListener("pointerdown", event => this.#grab(event));
    svg.addEventListener("pointermove", event => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { this.grip = null; });
    svg.addEventListener("keydown", event => this.#press(event));
  }

  /** Show a box over a photo of this size. */
  show(width, height, box) {
    Object.assign(this, { width, height, box, face: null });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.draw();
  }

  draw() {
    const { x, y, width, height } = this.box;
    const square = { x, y, width, height }, radius = this.width / this.svg.clientWidth * 7 || 7;
    this.svg.replaceChildren(
      element("rect", { class: "box-rim", ...square }),
      element("rect", { class: "box", ...square }),
      ...(this.face ? this.#points() : []),
      ...this.#corners().map(([cx, cy], corner) =>
        element("circle", { class: `handle handle-${corner}`, cx, cy, r: radius, "data-corner": corner })),
    );
  }

  #corners() {
    const { x, y, width, height } = this.box;
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
  }

  #points() {
    const centres = this.face.points.map(([x, y]) => [x + 0.5, y + 0.5]); // SVG's origin is a pixel's corner
    const size = this.box.width / 75;
    const lines = this.model.contours.map(({ points, closed }) =>
      "M" + points.map(point => centres[point].join(" ")).join("L") + (closed ? "Z" : "")).join("");
    const crosses = centres.map(([x, y]) =>
      `M${x - size} ${y - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}`).join("");
    return [["annotated", lines, 0.5], ["predicted", crosses, 0.5]].flatMap(([name, d, width]) => [
      element("path", { class: `${name} rim`, d, "stroke-width": 2 * width * size }),
      element("path", { class: name, d, "stroke-width": width * size }),
    ]);
  }

  /** Grab the box or one of its corners, or start a new box outside of it. */
  #grab(event) {
    if (!this.box) return;
    const at = this.#position(event), { corner } = event.target.dataset;
    if (corner !== undefined) {
      this.grip = { fixed: this.#corners()[(Number(corner) + 2) % 4] };
    } else if (event.target.classList.contains("box")) {
      this.grip = { offset: [at[0] - this.box.x, at[1] - this.box.y] };
    } else {
      this.grip = { fixed: at };
    }
    this.svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    this.svg.focus({ preventScroll: true });
  }

  #drag(event) {
    if (!this.grip) return;
    const [x, y] = this.#position(event), { fixed, offset } = this.grip;
    if (offset) {
      this.#move({ ...this.box, x: x - offset[0], y: y - offset[1] });
    } else {
      const side = Math.max(MIN_SIDE, Math.abs(x - fixed[0]), Math.abs(y - fixed[1]));
      this.#move({
        x: x < fixed[0] ? fixed[0] - side : fixed[0],
        y: y < fixed[1] ? fixed[1] - side : fixed[1],
        width: side,
        height: side,
      });
    }
  }

  #press(event) {
    const steps = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
      "+": [-1, -1, 2], "-": [1, 1, -2] }[event.key];
    if (!steps || !this.box) return;
    const [x, y, more] = steps.map(step => step * STEP * this.box.width);
    const side = Math.max(MIN_SIDE, this.box.width + more);
    this.#move({ x: this.box.x + x, y: this.box.y + y, width: side, height: side });
    event.preventDefault();
  }

  /** Move the box, with its centre kept within the photo. */
  #move({ x, y, width, height }) {
    const limit = (start, side, length) => Math.min(Math.max(start, -side / 2), length - side / 2);
    this.box = { x: limit(x, width, this.width), y: limit(y, height, this.height), width, height };
    this.draw();
    this.onMove(this.box);
  }

  /** Position of the pointer in photo pixels. */
  #position(event) {
    const frame = this.svg.getBoundingClientRect();
    return [
      (event.clientX - frame.left) / frame.width * this.width,
      (event.clientY - frame.top) / frame.height * this.height,
    ];
  }
}

function element(name, attributes) {
  const created = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}
