import { router } from '../router.svelte';
import { update } from './state/update.svelte';

const LOOK_EVERY_MS = 60 * 60_000;
const SCRIPT = '/sw.js';

interface Policies {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string };
}

/** Finds out whether the server has another page than this one. */
class Watch {
  private registration: ServiceWorkerRegistration | undefined;
  private isWanted = false;
  private sign: string | null | undefined;

  start(): void {
    update.take = () => {
      this.take();
    };
    update.look = () => {
      this.look();
    };
    if (!import.meta.env.PROD) return;
    // A part of this page is not there any more: it was another build's.
    addEventListener('vite:preloadError', () => (update.isReady = true));
    setInterval(() => {
      this.look();
    }, LOOK_EVERY_MS);
    if ('serviceWorker' in navigator) this.register().catch(() => undefined);
    else this.look();
  }

  private look(): void {
    if (this.registration !== undefined) this.registration.update().catch(() => undefined);
    else if (!('serviceWorker' in navigator)) void this.compare();
  }

  private take(): void {
    const waiting = this.registration?.waiting;
    if (waiting === null || waiting === undefined) {
      location.reload();
      return;
    }
    this.isWanted = true;
    waiting.postMessage('take over');
  }

  private async register(): Promise<void> {
    const worker = navigator.serviceWorker;
    worker.addEventListener('controllerchange', () => {
      if (this.isWanted) location.reload();
    });
    worker.addEventListener('message', ({ data }: MessageEvent<{ go?: string }>) => {
      if (data.go !== undefined) router.go(data.go);
    });
    const registration = await worker.register(trusted());
    this.registration = registration;
    this.watch(registration);
    registration.addEventListener('updatefound', () => {
      registration.installing?.addEventListener('statechange', () => {
        this.watch(registration);
      });
    });
  }

  /** The first one of all is no update. */
  private watch(registration: ServiceWorkerRegistration): void {
    if (registration.waiting !== null && navigator.serviceWorker.controller !== null) update.isReady = true;
  }

  /** Where a browser has no service worker, as at addresses that are not safe, the page itself tells. */
  private async compare(): Promise<void> {
    const answer = await fetch('/', { method: 'HEAD', cache: 'no-cache' }).catch(() => undefined);
    const sign = answer?.headers.get('ETag');
    if (sign === null || sign === undefined) return;
    if (this.sign !== undefined && this.sign !== sign) update.isReady = true;
    this.sign = sign;
  }
}

/** The page's policy lets no script be named by a string; this one name is known. */
function trusted(): string {
  const { trustedTypes } = globalThis as unknown as { trustedTypes?: Policies };
  const policy = trustedTypes?.createPolicy('madang-worker', { createScriptURL: () => SCRIPT });
  return policy?.createScriptURL(SCRIPT) ?? SCRIPT;
}

export const watch = new Watch();
