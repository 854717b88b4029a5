import { randomBytes } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { EventTargetRow } from '@framelock/db';
import { MqttClient } from 'mqtt';
import type { DeliveryBody } from '../protocol/index.ts';
import { checkedAddress, type Resolve } from './checkedAddress.ts';
import type { Message, Outcome, Sender } from './Sender.ts';
import { hostOf, mqttSettingsSchema } from './TargetSettings.ts';

const defaultTimeoutMs = 10_000;
const defaultIdleMs = 60_000;
const ports = { 'mqtt:': 1883, 'mqtts:': 8883 } as const;

export interface MqttSenderOptions {
  allowPrivate: boolean;
  resolve?: Resolve;
  timeoutMs?: number;
  idleMs?: number;
}

interface Connection {
  /** Of its settings: a target that was changed is connected anew. */
  text: string;
  client: Promise<MqttClient>;
  idle: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Publishes to MQTT brokers (3.1.1) at QoS 1, not retained, to `prefix/streamId/kind`. A connection is made when there is
 * something to publish and kept for a minute; one that fails is not tried again here but by the next delivery, whose
 * pauses grow.
 */
export class MqttSender implements Sender {
  readonly #options: MqttSenderOptions;
  readonly #connections = new Map<string, Connection>();

  constructor(options: MqttSenderOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  async send(target: EventTargetRow, message: Message): Promise<Outcome> {
    const { timeoutMs = defaultTimeoutMs } = this.#options;
    const connection = this.#connectionOf(target);
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`the broker did not answer within ${timeoutMs / 1000} s`)),
          timeoutMs,
        );
      });
      await Promise.race([late, this.#publish(connection, target, message)]);
      this.#keepFor(target.id, connection);
      return { ok: true, status: null };
    } catch (error) {
      this.#drop(target.id, connection);
      return { ok: false, status: null, error: wordsOf(error) };
    } finally {
      clearTimeout(timer);
    }
  }

  async #publish({ client: connecting }: Connection, target: EventTargetRow, { body }: Message): Promise<void> {
    const client = await connecting;
    const topic = topicOf(mqttSettingsSchema.parse(target.settings).topicPrefix, body);
    await new Promise<void>((resolve, reject) => {
      // One that is cut while the broker's word is awaited would answer to nobody.
      const onClose = (): void => reject(new Error('the connection to the broker was lost'));
      client.once('close', onClose);
      client.publish(topic, Buffer.from(body), { qos: 1, retain: false }, (error) => {
        client.off('close', onClose);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  #connectionOf(target: EventTargetRow): Connection {
    const text = JSON.stringify([target.settings, target.secret]);
    const known = this.#connections.get(target.id);
    if (known?.text === text) {
      clearTimeout(known.idle);
      return known;
    }
    if (known) this.#drop(target.id, known);
    const connection: Connection = { text, client: this.#connect(target), idle: undefined };
    this.#connections.set(target.id, connection);
    connection.client.then(
      (client) => client.once('close', () => this.#drop(target.id, connection)),
      () => this.#drop(target.id, connection),
    );
    return connection;
  }

  async #connect(target: EventTargetRow): Promise<MqttClient> {
    const { timeoutMs = defaultTimeoutMs } = this.#options;
    const { username } = mqttSettingsSchema.parse(target.settings);
    const socket = await this.#openSocket(target);
    const client = new MqttClient(() => socket as never, {
      ...{ protocolVersion: 4, clean: true, reconnectPeriod: 0, connectTimeout: timeoutMs, keepalive: 30 },
      clientId: `framelock-${randomBytes(6).toString('hex')}`,
      ...(username === null ? {} : { username }),
      ...(username === null || target.secret === null ? {} : { password: target.secret }),
    });
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      // For as long as it lives: without a listener an error ends the process.
      client.on('error', reject);
      client.once('close', () => reject(new Error('the broker closed the connection')));
    }).catch((error: unknown) => {
      client.end(true);
      throw error;
    });
    return client;
  }

  /** Connected, and of TLS also verified, before a password is written. */
  async #openSocket(target: EventTargetRow): Promise<Socket> {
    const { allowPrivate, resolve, timeoutMs = defaultTimeoutMs } = this.#options;
    const { url: text, caPem } = mqttSettingsSchema.parse(target.settings);
    const url = new URL(text);
    const name = hostOf(url);
    const { address: host } = await checkedAddress(name, { allowPrivate, ...(resolve ? { resolve } : {}) });
    const isTls = url.protocol === 'mqtts:';
    const port = url.port === '' ? ports[isTls ? 'mqtts:' : 'mqtt:'] : Number(url.port);
    const names = isIP(name) === 0 ? { servername: name } : {};
    const socket = isTls
      ? connectTls({ host, port, ...names, ...(caPem ? { ca: caPem } : {}) })
      : connectTcp({ host, port });
    return new Promise((done, fail) => {
      const timer = setTimeout(() => socket.destroy(new Error('the broker did not answer')), timeoutMs);
      socket.once('error', fail).once('close', () => clearTimeout(timer));
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.off('error', fail);
        done(socket);
      });
    });
  }

  #keepFor(targetId: string, connection: Connection): void {
    const { idleMs = defaultIdleMs } = this.#options;
    clearTimeout(connection.idle);
    connection.idle = setTimeout(() => this.#drop(targetId, connection), idleMs);
    connection.idle.unref();
  }

  #drop(targetId: string, connection: Connection): void {
    clearTimeout(connection.idle);
    if (this.#connections.get(targetId) === connection) this.#connections.delete(targetId);
    connection.client.then(
      (client) => client.end(true),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    const all = [...this.#connections];
    for (const [targetId, connection] of all) this.#drop(targetId, connection);
    await Promise.allSettled(all.map(([, { client }]) => client));
  }
}

/** The kind is that of what made the rule fire. */
export function topicOf(prefix: string, body: Uint8Array): string {
  const { type, event, cause } = JSON.parse(new TextDecoder().decode(body)) as DeliveryBody;
  return `${prefix}/${event.streamId}/${type === 'test' ? 'test' : (cause?.kind ?? event.kind)}`;
}

/** Some errors of sockets have their words inside. */
function wordsOf(error: unknown): string {
  const { message, errors } = error as AggregateError;
  return message || (errors as Error[] | undefined)?.[0]?.message || 'the connection failed';
}
