// Crop regions and maps, equal to those of src/keypoints/core/geometry.py and crops/cropping.py.

/** The region of whole photo pixels that becomes the crop: {left, top, width, height}. It may extend beyond the photo. */
export function cropRegion(box, model) {
  const scale = model.box_scale / Math.min(model.height, model.width);
  const side = Math.max(box.width, box.height);
  const halfX = side * scale * model.width / 2, halfY = side * scale * model.height / 2;
  const centreX = box.x + box.width / 2, centreY = box.y + box.height / 2;
  return {
    left: Math.floor(centreX - halfX),
    top: Math.floor(centreY - halfY),
    width: wholeSide(centreX + halfX - (centreX - halfX), model.width),
    height: wholeSide(centreY + halfY - (centreY - halfY), model.height),
  };
}

/** The largest whole number of photo pixels that a pixel of the crop covers, at least 1. */
export function wholeFactor(side, cropSide) {
  return Math.max(1, Math.floor(side / cropSide));
}

function wholeSide(length, cropSide) {
  const side = Math.max(1, Math.ceil(length)), factor = wholeFactor(side, cropSide);
  return side + (factor - side % factor) % factor;
}

/** Map a point from 0..1 of the crop to photo pixels, whose centres have integer coordinates. */
export function unitToPhoto([x, y], region) {
  return [region.left + x * region.width - 0.5, region.top + y * region.height - 0.5];
}
