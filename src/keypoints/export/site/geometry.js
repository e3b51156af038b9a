// Boxes and maps as src/keypoints/geometry.py and cutting.py have them, to the pixel.

/** The whole photo pixels that become the crop: {left, top, across, down}; it may leave the photo. */
export function regionOf(box, model) {
  const scale = model.enlarge / Math.min(model.height, model.width);
  const side = Math.max(box.width, box.height);
  const halfX = side * scale * model.width / 2, halfY = side * scale * model.height / 2;
  const middleX = box.x + box.width / 2, middleY = box.y + box.height / 2;
  return {
    left: Math.floor(middleX - halfX),
    top: Math.floor(middleY - halfY),
    across: wholeSide(middleX + halfX - (middleX - halfX), model.width),
    down: wholeSide(middleY + halfY - (middleY - halfY), model.height),
  };
}

/** The largest whole number of photo pixels that a crop's pixel covers, at least 1. */
export function wholeFactor(side, cropSide) {
  return Math.max(1, Math.floor(side / cropSide));
}

function wholeSide(length, cropSide) {
  const side = Math.max(1, Math.ceil(length)), factor = wholeFactor(side, cropSide);
  return side + (factor - side % factor) % factor;
}

/** From 0..1 of the crop to pixels of the photo, whose centres lie at whole numbers. */
export function toPhoto([x, y], region) {
  return [region.left + x * region.across - 0.5, region.top + y * region.down - 0.5];
}
