/** A small S3-compatible store that verifies AWS Signature Version 4 by itself. For tests. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface StoredObject {
  data: Buffer;
  contentType: string | undefined;
  cacheControl: string | undefined;
}

export interface S3Credentials {
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const maxClockSkewMs = 15 * 60_000;

export class S3Server {
  /** By `/bucket/key`. */
  readonly objects = new Map<string, StoredObject>();
  /** Each request that was taken, in order: `PUT /bucket/key`. */
  readonly requests: string[] = [];
  /** Statuses to answer next instead. */
  readonly failures: number[] = [];
  readonly #http: Server;
  readonly #credentials: S3Credentials;

  private constructor(credentials: S3Credentials) {
    this.#credentials = credentials;
    this.#http = createServer((request, response) => void this.#handle(request, response));
  }

  static async create(credentials: S3Credentials): Promise<S3Server> {
    const server = new S3Server(credentials);
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const failure = this.failures.shift();
    if (failure) return void response.writeHead(failure).end('<Error><Code>SlowDown</Code></Error>');
    const problem = this.#check(request, body);
    if (problem) return void response.writeHead(403).end(`<Error><Code>${problem}</Code></Error>`);
    const path = decodeURIComponent(request.url!);
    this.requests.push(`${request.method} ${path}`);
    if (request.method === 'PUT') {
      const { 'content-type': contentType, 'cache-control': cacheControl } = request.headers;
      this.objects.set(path, { data: body, contentType, cacheControl });
      return void response.writeHead(200, { etag: `"${createHash('md5').update(body).digest('hex')}"` }).end();
    }
    if (request.method !== 'DELETE') return void response.writeHead(405).end();
    this.objects.delete(path);
    response.writeHead(204).end();
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
  #check(request: IncomingMessage, body: Buffer): string | undefined {
    const { region, accessKeyId, secretAccessKey } = this.#credentials;
    const authorization =
      /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        request.headers.authorization ?? '',
      );
    if (!authorization) return 'AccessDenied';
    const [, credential = '', signedHeaders = '', signature = ''] = authorization;
    const time = String(request.headers['x-amz-date']);
    const date = time.slice(0, 8);
    const scope = `${date}/${region}/s3/aws4_request`;
    if (credential !== `${accessKeyId}/${scope}`) return 'InvalidAccessKeyId';
    const iso = time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
    if (!(Math.abs(Date.now() - Date.parse(iso)) < maxClockSkewMs)) return 'RequestTimeTooSkewed';
    const bodyHash = String(request.headers['x-amz-content-sha256']);
    if (bodyHash !== sha256(body)) return 'XAmzContentSHA256Mismatch';
    const names = signedHeaders.split(';');
    if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every((name) => names.includes(name))) return 'AccessDenied';
    const headers = names.map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join('');
    const [path, query = ''] = request.url!.split('?');
    const canonical = [request.method, path, query, headers, signedHeaders, bodyHash].join('\n');
    const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
    const key = ['s3', 'aws4_request'].reduce(hmac, hmac(hmac(`AWS4${secretAccessKey}`, date), region));
    const expected = hmac(key, toSign);
    return timingSafeEqual(expected, Buffer.from(signature, 'hex')) ? undefined : 'SignatureDoesNotMatch';
  }
}
