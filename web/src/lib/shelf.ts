const NAME = 'madang';
const STORE = 'shelf';

/** What this browser keeps for when there is no connection. Where it may keep nothing, nothing is there. */
export class Shelf {
  private opening: Promise<IDBDatabase> | undefined;

  async put(entries: ReadonlyMap<string, unknown>): Promise<void> {
    await this.run('readwrite', (store) => {
      for (const [key, value] of entries) store.put(value, key);
    });
  }

  async get(key: string): Promise<unknown> {
    let request: IDBRequest<unknown> | undefined;
    await this.run('readonly', (store) => {
      request = store.get(key) as IDBRequest<unknown>;
    });
    return request?.result;
  }

  async clear(): Promise<void> {
    await this.run('readwrite', (store) => store.clear());
  }

  /** Of what begins with a prefix only these stay. */
  async retain(prefix: string, keys: ReadonlySet<string>): Promise<void> {
    let all: IDBRequest<IDBValidKey[]> | undefined;
    await this.run('readonly', (store) => {
      all = store.getAllKeys();
    });
    const gone = (all?.result ?? []).filter((key) => typeof key === 'string' && key.startsWith(prefix) && !keys.has(key));
    await this.run('readwrite', (store) => {
      for (const key of gone) store.delete(key);
    });
  }

  private async run(mode: IDBTransactionMode, work: (store: IDBObjectStore) => unknown): Promise<void> {
    const database = await this.open();
    const transaction = database.transaction(STORE, mode);
    work(transaction.objectStore(STORE));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => {
        resolve();
      };
      transaction.onabort = () => {
        reject(transaction.error ?? new Error('aborted'));
      };
    });
  }

  private open(): Promise<IDBDatabase> {
    this.opening ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => {
        resolve(request.result);
      };
      request.onerror = () => {
        reject(request.error ?? new Error('there is no database'));
      };
    });
    return this.opening;
  }
}
