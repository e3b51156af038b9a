// Maps, faces' boxes and crop regions, equal to those of src/keypoints/core/geometry.py and crops/cropping.py.
//
// A map [a, b, c, d, e, f] transforms (x, y) to (a x + b y + c, d x + e y + f). Pixel centres have integer coordinates.
// A box {x, y, side, rotation} is a square about (x, y), turned clockwise by `rotation` degrees.

export function translation(x, y) {
  return [1, 0, x, 0, 1, y];
}

/** Rotate clockwise about a centre. */
export function rotation(degrees, [x, y]) {
  const cos = Math.cos(degrees * Math.PI / 180), sin = Math.sin(degrees * Math.PI / 180);
  return [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y];
}

/** Cut out a region of an image, {left, top, width, height}, and resize it. */
export function resizeMap(region, width, height) {
  const scaleX = width / region.width, scaleY = height / region.height;
  return [scaleX, 0, (0.5 - region.left) * scaleX - 0.5, 0, scaleY, (0.5 - region.top) * scaleY - 0.5];
}

/** Apply `first`, then `second`. */
export function compose(second, first) {
  const [a, b, c, d, e, f] = second, [g, h, i, j, k, l] = first;
  return [a * g + b * j, a * h + b * k, a * i + b * l + c, d * g + e * j, d * h + e * k, d * i + e * l + f];
}

export function invert([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  return [e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det];
}

export function apply([a, b, c, d, e, f], [x, y]) {
  return [a * x + b * y + c, d * x + e * y + f];
}

/** Factor by which a map enlarges lengths. */
export function scaleOf([a, b, , d, e]) {
  return Math.sqrt(Math.abs(a * e - b * d));
}

/** The least-squares similarity map from points to others. */
export function fitSimilarity(source, target) {
  const [x, y] = mean(source), [u, v] = mean(target);
  let size = 0, cos = 0, sin = 0;
  source.forEach((point, i) => {
    const dx = point[0] - x, dy = point[1] - y;
    size += dx * dx + dy * dy;
    cos += dx * target[i][0] + dy * target[i][1];
    sin += dx * target[i][1] - dy * target[i][0];
  });
  [cos, sin] = Math.hypot(cos, sin) > 1e-3 * size ? [cos / size, sin / size] : [1, 0];
  return [cos, -sin, u - cos * x + sin * y, sin, cos, v - sin * x - cos * y];
}

function mean(points) {
  return [0, 1].map(axis => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}

/** Intersection of two boxes as a fraction of the smaller one; their angles are ignored. */
export function overlap(one, other) {
  const shared = axis => Math.max(0, Math.min(one[axis] + one.side / 2, other[axis] + other.side / 2)
    - Math.max(one[axis] - one.side / 2, other[axis] - other.side / 2));
  return shared("x") * shared("y") / Math.min(one.side, other.side) ** 2;
}

/** Angle between two heads, 0 to 180 degrees. */
export function angleBetween(one, other) {
  return Math.abs(modulo(one.rotation - other.rotation + 180, 360) - 180);
}

export function modulo(value, divisor) {
  return (value % divisor + divisor) % divisor;
}

/** Round as Python and OpenCV do. */
export function roundToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** The region of whole photo pixels that becomes the crop of a face; it may extend beyond the photo. */
export function cropRegion(box, model) {
  const scale = box.side * model.box_scale / Math.min(model.height, model.width);
  const halfX = scale * model.width / 2, halfY = scale * model.height / 2;
  return {
    left: Math.floor(box.x - halfX),
    top: Math.floor(box.y - halfY),
    width: roundUp(box.x + halfX - (box.x - halfX), model.width),
    height: roundUp(box.y + halfY - (box.y - halfY), model.height),
  };
}

function roundUp(length, cropLength) {
  const side = Math.max(1, Math.ceil(length)), factor = wholeFactor(side, cropLength);
  return side + modulo(-side, factor);
}

/** The integer part of the photo pixels per pixel of a crop, at least 1. */
export function wholeFactor(length, cropLength) {
  return Math.max(1, Math.floor(length / cropLength));
}
