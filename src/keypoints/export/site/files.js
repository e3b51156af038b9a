// Downloads with the fields that src/keypoints/annotation/writers.py writes.

export function toJson(photo, model, box, face) {
  const corners = [box.x, box.y, box.x + box.width, box.y + box.height];
  const rounded = { box: corners.map(round), points: face.points.map(point => point.map(round)),
    uncertainty: face.uncertainty.map(round) };
  return { photo: photo.name, height: photo.height, width: photo.width, frame: model.frame,
    model: model.name, scheme: model.scheme, point_numbers: model.points, faces: [rounded] };
}

export function toCsv(photo, model, face) {
  const name = /[",\n]/.test(photo.name) ? `"${photo.name.replaceAll('"', '""')}"` : photo.name;
  const rows = face.points.map(([x, y], i) =>
    [name, 1, model.points[i], x.toFixed(3), y.toFixed(3), face.uncertainty[i].toFixed(3)].join(","));
  return ["photo,face,point,x,y,uncertainty", ...rows].join("\n") + "\n";
}

export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}
