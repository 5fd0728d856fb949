/** Media session: the keys of a headset or keyboard, and the lock screen of a phone, control the player. */

const SKIP_SECONDS = 5;

/** @param {import("./player.js").Player} player @param {() => string} title */
export function startMediaSession(player, title) {
  const session = navigator.mediaSession;
  if (!session) return;
  /** @type {[MediaSessionAction, MediaSessionActionHandler][]} */
  const actions = [
    ["play", () => player.play()],
    ["pause", () => player.pause()],
    ["seekbackward", ({ seekOffset }) => player.skip(-(seekOffset ?? SKIP_SECONDS))],
    ["seekforward", ({ seekOffset }) => player.skip(seekOffset ?? SKIP_SECONDS)],
    ["seekto", ({ seekTime }) => player.seek(seekTime ?? 0)],
  ];
  for (const [action, run] of actions) session.setActionHandler(action, run);
  player.addEventListener("state", () => {
    session.playbackState = player.isPlaying ? "playing" : "paused";
    if (!player.duration) return;
    session.metadata = new MediaMetadata({ title: title() });
    session.setPositionState({
      duration: player.duration,
      playbackRate: player.rate,
      position: Math.min(player.currentSeconds, player.duration),
    });
  });
}
