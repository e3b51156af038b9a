// Files of the results, with the fields that src/keypoints/annotation/writers.py writes.

/** The faces of a photo {name, width, height} as JSON. */
export function toJson(photo, model, faces) {
  const records = faces.map(face => ({
    box: [face.x - face.side / 2, face.y - face.side / 2, face.x + face.side / 2, face.y + face.side / 2].map(round),
    rotation: round(face.rotation),
    score: round(face.score),
    certain: face.isCertain,
    points: face.points.map(point => point.map(round)),
    uncertainty: face.uncertainty.map(round),
    ...(face.track ? { track: face.track } : {}),
  }));
  const { name, height, width } = photo, { frame, scheme, points } = model;
  return JSON.stringify({ photo: name, height, width, frame, model: model.name, scheme, point_numbers: points,
    notes: [], faces: records });
}

export function toCsv(photo, model, faces) {
  const name = /[",\n]/.test(photo.name) ? `"${photo.name.replaceAll('"', '""')}"` : photo.name;
  const rows = faces.flatMap((face, number) => face.points.map((point, i) =>
    [name, number + 1, model.points[i], ...[...point, face.uncertainty[i]].map(value => value.toFixed(3)),
      Number(face.isCertain)].join(",")));
  return ["photo,face,point,x,y,uncertainty,certain", ...rows].join("\n");
}

export function download(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}
