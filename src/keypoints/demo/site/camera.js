// The camera's pictures, one after the other, until it is stopped.

export class Camera {
  constructor() {
    this.video = null;
  }

  get runs() {
    return this.video !== null;
  }

  async start() {
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
