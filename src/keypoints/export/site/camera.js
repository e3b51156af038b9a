// The camera's pictures, one after the other, until it is stopped.

export class Camera {
  constructor() {
    this.video = null;
    this.isAsked = false;
  }

  get runs() {
    return this.video !== null;
  }

  /** Null where it was asked for a second time before the visitor had answered. */
  async start() {
    if (this.isAsked) return null;
    if (!navigator.mediaDevices) throw new Error("browsers give it to https and localhost only");
    this.isAsked = true;
    try {
      return await this.open();
    } finally {
      this.isAsked = false;
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
