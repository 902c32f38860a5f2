// A few words of etcd v3 over its JSON gateway: enough to fill a lab and to look into it. The daemon has a real client.

import { request } from 'node:http';

export interface Answer {
  readonly ok: boolean;
  readonly body: Readonly<Record<string, unknown>>;
  readonly error: string;
}

/** etcd behind a Unix socket (see relay.ts). Every call answers; none rejects. */
export class EtcdGateway {
  constructor(private readonly socketPath: string) {}

  put(key: string, value: string): Promise<Answer> {
    return this.post('/v3/kv/put', { key: base64(key), value: base64(value) });
  }

  delete(key: string): Promise<Answer> {
    return this.post('/v3/kv/deleterange', { key: base64(key) });
  }

  /** Keys and values under a prefix, as text, by key. */
  async list(prefix: string): Promise<readonly { readonly key: string; readonly value: string }[]> {
    const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    const answer = await this.post('/v3/kv/range', { key: base64(prefix), range_end: base64(end) });
    const found = (answer.body.kvs ?? []) as { key: string; value?: string }[];
    return found.map(({ key, value }) => ({ key: plain(key), value: plain(value ?? '') }));
  }

  /** Whether it answers, and has a leader. */
  async healthy(): Promise<boolean> {
    return (await this.post('/v3/kv/range', { key: base64('/') }, 1_000)).ok;
  }

  private post(path: string, body: unknown, timeoutMs = 5_000): Promise<Answer> {
    return new Promise((resolve) => {
      const failed = (error: string): void => resolve({ ok: false, body: {}, error });
      const call = request(
        { socketPath: this.socketPath, path, method: 'POST', timeout: timeoutMs },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', (error) => failed(error.message));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            try {
              const parsed = JSON.parse(text) as Record<string, unknown>;
              resolve({ ok: response.statusCode === 200, body: parsed, error: String(parsed.error ?? '') });
            } catch {
              failed(`etcd answers ${response.statusCode}: ${text.slice(0, 200)}`);
            }
          });
        },
      );
      call.on('timeout', () => call.destroy(new Error(`etcd has not answered within ${timeoutMs} ms`)));
      call.on('error', (error) => failed(error.message));
      call.end(JSON.stringify(body));
    });
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const plain = (text: string): string => Buffer.from(text, 'base64').toString();
