// Draws faces in the colours of src/keypoints/annotation/drawing.py.

const DARK = "rgb(20 24 32 / 75%)";
const LINE = "rgb(44 243 208)", POINT = "white", BOX = "rgb(125 184 255)", UNCERTAIN = "rgb(255 176 0)";
const LINE_WIDTH = 1 / 170, RADIUS = 1 / 150; // sides of the box
const MIN_LINE_WIDTH = 1.1, MIN_RADIUS = 1.5; // pixels of the screen, unless this hides a small face:
const MAX_LINE_WIDTH = 1 / 90, MAX_RADIUS = 1 / 55; // sides of the box

/**
 * Draw the box, contours and points of a face; uncertain points are orange, and an uncertain face has an orange box and
 * no contours. `pixel`: photo pixels per pixel of the screen.
 */
export function drawFace(context, face, contours, pixel) {
  const length = (usual, least, most) => face.side * Math.max(usual, Math.min(least * pixel / face.side, most));
  const width = length(LINE_WIDTH, MIN_LINE_WIDTH, MAX_LINE_WIDTH), radius = length(RADIUS, MIN_RADIUS, MAX_RADIUS);
  context.lineJoin = context.lineCap = "round";
  const box = new Path2D();
  addLine(box, corners(face), true);
  stroke(context, box, face.isCertain ? BOX : UNCERTAIN, Math.max(width, MIN_LINE_WIDTH * pixel));
  if (face.isCertain) {
    const lines = new Path2D();
    for (const { points, closed } of contours) addLine(lines, points.map(point => face.points[point]), closed);
    stroke(context, lines, DARK, 2 * width);
    stroke(context, lines, LINE, width);
  }
  for (const isCertain of [true, false]) {
    const rims = new Path2D(), dots = new Path2D();
    face.points.forEach((point, i) => {
      if (face.certainPoints[i] !== isCertain) return;
      addDot(rims, point, radius + width / 2);
      addDot(dots, point, radius);
    });
    fill(context, rims, DARK);
    fill(context, dots, isCertain ? POINT : UNCERTAIN);
  }
}

function corners({ x, y, side, rotation }) {
  const cos = Math.cos(rotation * Math.PI / 180) * side / 2, sin = Math.sin(rotation * Math.PI / 180) * side / 2;
  return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => [x + u * cos - v * sin, y + u * sin + v * cos]);
}

function addLine(path, points, isClosed) {
  points.forEach(([x, y], i) => i ? path.lineTo(x, y) : path.moveTo(x, y));
  if (isClosed) path.closePath();
}

function addDot(path, [x, y], radius) {
  path.moveTo(x + radius, y);
  path.arc(x, y, radius, 0, 2 * Math.PI);
}

function stroke(context, path, strokeStyle, lineWidth) {
  Object.assign(context, { strokeStyle, lineWidth });
  context.stroke(path);
}

function fill(context, path, fillStyle) {
  context.fillStyle = fillStyle;
  context.fill(path);
}
