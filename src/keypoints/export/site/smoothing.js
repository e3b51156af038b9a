// Smooths the landmarks of a face without lag where it moves, as src/keypoints/annotation/smoothing.py does.

import { apply, compose, fitSimilarity, invert, modulo, scaleOf } from "./geometry.js";

// Cutoff frequency at rest in Hz, and its increase per side of the face (or radian) and second
const POSE = [1, 100], SHAPE = [0.8, 12];
const SPEED_CUTOFF = 1; // Hz

/** Smooths the pose of a face and its shape in the upright face separately. */
export class LandmarkSmoother {
  constructor(points, side) {
    const centre = [0, 1].map(axis => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
    this.toSides = [1 / side, 0, -centre[0] / side, 0, 1 / side, -centre[1] / side];
    this.reference = points.map(point => apply(this.toSides, point));
    this.angle = 0;
    this.followPose = oneEuroFilter(...POSE);
    this.followShape = oneEuroFilter(...SHAPE);
  }

  /** Smoothed points of the next frame; `seconds`: the time since the previous one. */
  next(points, seconds) {
    const inSides = points.map(point => apply(this.toSides, point)), pose = fitSimilarity(this.reference, inSides);
    const turn = Math.atan2(pose[3], pose[0]) - this.angle;
    this.angle += modulo(turn + Math.PI, 2 * Math.PI) - Math.PI;
    const toShape = invert(pose);
    const shape = this.followShape(inSides.map(point => apply(toShape, point)), seconds);
    const [[logScale, angle], [x, y]] =
      this.followPose([[Math.log(scaleOf(pose)), this.angle], [pose[2], pose[5]]], seconds);
    const cos = Math.exp(logScale) * Math.cos(angle), sin = Math.exp(logScale) * Math.sin(angle);
    const toPhoto = compose(invert(this.toSides), [cos, -sin, x, sin, cos, y]);
    return shape.map(point => apply(toPhoto, point));
  }
}

/**
 * A low-pass filter of points that follows fast changes closely and removes the jitter of slow ones.
 *
 * Source: Casiez, Roussel and Vogel, 1 € filter, CHI 2012.
 */
function oneEuroFilter(minCutoff, beta) {
  let previous, smooth, velocity;
  return (points, seconds) => {
    if (!previous) {
      velocity = points.map(() => [0, 0]);
      return previous = smooth = points;
    }
    const approach = (from, to, weight) => from.map((value, axis) => value + weight * (to[axis] - value));
    velocity = velocity.map((speed, i) => {
      const slope = points[i].map((value, axis) => (value - previous[i][axis]) / seconds);
      return approach(speed, slope, weightOf(SPEED_CUTOFF, seconds));
    });
    smooth = smooth.map((point, i) =>
      approach(point, points[i], weightOf(minCutoff + beta * Math.hypot(...velocity[i]), seconds)));
    previous = points;
    return smooth;
  };
}

/** Weight of a new value in a first-order low-pass filter. */
function weightOf(cutoff, seconds) {
  return 1 / (1 + 1 / (2 * Math.PI * cutoff * seconds));
}
