// The visitor's camera.

export class Camera {
  constructor() {
    this.video = null;
    this.isStarting = false;
  }

  get isRunning() {
    return this.video !== null;
  }

  /** Start the camera; returns null if an earlier call still waits for the visitor's permission. */
  async start() {
    if (this.isStarting) return null;
    if (!navigator.mediaDevices) throw new Error("browsers allow it on https and localhost only");
    this.isStarting = true;
    try {
      return await this.open();
    } finally {
      this.isStarting = false;
    }
  }

  async open() {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
    this.video = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true });
    await this.video.play();
    return this.video;
  }

  stop() {
    this.video?.srcObject.getTracks().forEach(track => track.stop());
    this.video = null;
  }
}
