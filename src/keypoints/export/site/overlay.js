// Box and points over the photo, and the pointer and keys that move the box.

const SPACE = "http://www.w3.org/2000/svg";
const STEP = 0.02; // of the box's width, that a key moves it
const SMALLEST = 16; // px

export class Overlay {
  /** Calls `moved(box)` whenever the visitor changes the box. */
  constructor(svg, model, moved) {
    Object.assign(this, { svg, model, moved, box: null, face: null, grip: null });
    svg.addEventListener("pointerdown", event => this.#take(event));
    svg.addEventListener("pointermove", event => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { this.grip = null; });
    svg.addEventListener("keydown", event => this.#press(event));
  }

  /** Start with a photo of this size and a box. */
  show(width, height, box) {
    Object.assign(this, { width, height, box, face: null });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.draw();
  }

  draw() {
    const { x, y, width, height } = this.box;
    const square = { x, y, width, height }, reach = this.width / this.svg.clientWidth * 7 || 7;
    this.svg.replaceChildren(
      element("rect", { class: "box-rim", ...square }),
      element("rect", { class: "box", ...square }),
      ...(this.face ? this.#points() : []),
      ...this.#corners().map(([cx, cy], corner) =>
        element("circle", { class: `handle handle-${corner}`, cx, cy, r: reach, "data-corner": corner })),
    );
  }

  #corners() {
    const { x, y, width, height } = this.box;
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
  }

  #points() {
    const places = this.face.points.map(([x, y]) => [x + 0.5, y + 0.5]); // SVG counts from corners
    const size = this.box.width / 75;
    const lines = this.model.contours.map(({ points, closed }) =>
      "M" + points.map(point => places[point].join(" ")).join("L") + (closed ? "Z" : "")).join("");
    const crosses = places.map(([x, y]) =>
      `M${x - size} ${y - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}`).join("");
    return [["annotated", lines, 0.5], ["predicted", crosses, 0.5]].flatMap(([name, d, width]) => [
      element("path", { class: `${name} rim`, d, "stroke-width": 2 * width * size }),
      element("path", { class: name, d, "stroke-width": width * size }),
    ]);
  }

  /** Grip the box, one of its corners, or begin a new box beside it. */
  #take(event) {
    if (!this.box) return;
    const at = this.#place(event), { corner } = event.target.dataset;
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
    const [x, y] = this.#place(event), { fixed, offset } = this.grip;
    if (offset) {
      this.#move({ ...this.box, x: x - offset[0], y: y - offset[1] });
    } else {
      const side = Math.max(SMALLEST, Math.abs(x - fixed[0]), Math.abs(y - fixed[1]));
      this.#move({
        x: x < fixed[0] ? fixed[0] - side : fixed[0],
        y: y < fixed[1] ? fixed[1] - side : fixed[1],
        width: side,
        height: side,
      });
    }
  }

  #press(event) {
    const way = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
      "+": [-1, -1, 2], "-": [1, 1, -2] }[event.key];
    if (!way || !this.box) return;
    const [x, y, more] = way.map(steps => steps * STEP * this.box.width);
    const side = Math.max(SMALLEST, this.box.width + more);
    this.#move({ x: this.box.x + x, y: this.box.y + y, width: side, height: side });
    event.preventDefault();
  }

  /** The middle of the box stays in the photo. */
  #move({ x, y, width, height }) {
    const within = (start, side, length) => Math.min(Math.max(start, -side / 2), length - side / 2);
    this.box = { x: within(x, width, this.width), y: within(y, height, this.height), width, height };
    this.draw();
    this.moved(this.box);
  }

  /** Where the pointer is, in pixels of the photo. */
  #place(event) {
    const frame = this.svg.getBoundingClientRect();
    return [
      (event.clientX - frame.left) / frame.width * this.width,
      (event.clientY - frame.top) / frame.height * this.height,
    ];
  }
}

function element(name, attributes) {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
