/** The server may have become another one while this page was open: that is offered, and happens when somebody wants it. */
class Update {
  isReady = $state(false);
  /** To the new one. What was typed and what waits to be sent is kept by the browser. */
  take: () => void = () => undefined;
  /** Asks whether there is something new: on each new connection, for that is how an update begins. */
  look: () => void = () => undefined;
}

export const update = new Update();
