// The visitor's camera.

const PROBLEMS = {
  NotAllowedError: "this page has no permission to use it; allow it in the address bar or in the settings",
  NotFoundError: "this device has none",
  NotReadableError: "another program uses it",
};

export class Camera {
  #isStarting = false;
  #stream = null;

  get isRunning() {
    return this.#stream !== null;
  }

  /** Start the camera and return its video; null if an earlier call still waits for the visitor's permission. */
  async start() {
    if (this.#isStarting) return null;
    if (!navigator.mediaDevices) throw new Error("browsers allow it on pages from https or localhost only");
    this.#isStarting = true;
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
      const video = document.createElement("video");
      Object.assign(video, { srcObject: this.#stream, muted: true, playsInline: true });
      await video.play();
      return video;
    } catch (error) {
      this.stop();
      throw new Error(PROBLEMS[error.name] ?? error.message);
    } finally {
      this.#isStarting = false;
    }
  }

  stop() {
    this.#stream?.getTracks().forEach(track => track.stop());
    this.#stream = null;
  }
}
