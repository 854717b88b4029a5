import { readFileSync } from 'node:fs';
import type { components } from '../../api/FramelockClient.ts';
import { CliError, type Command, duration, text, UsageError } from '../Command.ts';
import { findStream } from '../findStream.ts';

type Grant = components['schemas']['Grant'];
type Role = components['schemas']['Role'];

const rights = ['watch', 'publish', 'manage'];
const roles = ['viewer', 'publisher', 'admin'];
/** Passwords are hashed slowly on purpose, and one after the other. */
const hashTimeoutMs = 30_000;

const grantText = ({ right, streamId }: Grant) => `${right} ${streamId ?? 'all'}`;

const listTokens: Command = {
  name: 'tokens list',
  about: 'API tokens, without their secrets',
  async run({ client, output }) {
    const answer = await client.get('/api/v1/tokens');
    output.table(
      answer,
      ['id', 'name', 'may', 'expires', 'last used', 'by'],
      answer.tokens.map(({ id, name, grants, expiresAt, lastUsedAt, createdBy }) => [
        ...[id, name, grants.map(grantText).join(', '), expiresAt ?? 'never', lastUsedAt, createdBy],
      ]),
    );
  },
};

const createToken: Command = {
  name: 'tokens create',
  about: 'create an API token; this answer is the only one that has it',
  takes: ['<name>'],
  options: {
    grant: {
      type: 'string',
      multiple: true,
      value: 'RIGHT[:STREAM]',
      about: 'watch, publish or manage, of one Stream or of all; may be repeated',
    },
    expires: { type: 'string', value: 'TIME', about: 'ends after 90s, 15m, 12h, 30d, 2w; else never' },
  },
  async run(call) {
    const { client, output, given, values } = call;
    const wishes = (values.grant as string[] | undefined) ?? [];
    if (wishes.length === 0) throw new UsageError('say what it may: --grant watch, --grant publish:front-door …');
    const expiresInS = duration(call, 'expires') ?? null;
    const grants: Grant[] = [];
    for (const wish of wishes) {
      const [right, ...stream] = wish.split(':');
      if (!rights.includes(right!))
        throw new UsageError(`a right is ${rights.join(', ')}, and not ${JSON.stringify(right)}`);
      const streamId = stream.length > 0 ? (await findStream(client, stream.join(':'))).id : null;
      grants.push({ right: right as Grant['right'], streamId });
    }
    const answer = await client.post('/api/v1/tokens', { body: { name: given[0]!, grants, expiresInS } });
    output.done(answer, answer.token);
  },
};

const revokeToken: Command = {
  name: 'tokens revoke',
  about: 'revoke an API token; what is live by it ends within a second',
  takes: ['<id>'],
  async run({ client, output, given }) {
    await client.delete('/api/v1/tokens/{id}', { path: { id: given[0]! } });
    output.done({ id: given[0] }, 'revoked');
  },
};

const listUsers: Command = {
  name: 'users list',
  about: 'users with their roles',
  async run({ client, output }) {
    const answer = await client.get('/api/v1/users');
    output.table(
      answer,
      ['id', 'name', 'role', 'state', 'since'],
      answer.users.map(({ id, name, role, disabled, createdAt }) => [
        id,
        name,
        role,
        disabled ? 'locked out' : 'active',
        createdAt,
      ]),
    );
  },
};

const createUser: Command = {
  name: 'users create',
  about: 'create a user; the password comes by standard input. The first one is an administrator',
  takes: ['<name>'],
  options: { role: { type: 'string', value: 'ROLE', about: `${roles.join(', ')}`, default: 'viewer' } },
  async run(call) {
    const role = text(call, 'role')!;
    if (!roles.includes(role)) throw new UsageError(`a role is ${roles.join(', ')}, and not ${JSON.stringify(role)}`);
    if (process.stdin.isTTY) call.output.note('the password, and Enter and Ctrl-D:');
    const password = readFileSync(0, 'utf8').replace(/\r?\n$/, '');
    if (!password)
      throw new UsageError('no password came by standard input: printf %s "$PASSWORD" | framelock users create …');
    const body = { name: call.given[0]!, password, role: role as Role };
    const user = await call.client.post('/api/v1/users', { body, timeoutMs: hashTimeoutMs });
    call.output.done(user, `${user.name} (${user.id}) is ${user.role}`);
  },
};

const lock = (name: 'users disable' | 'users enable', about: string): Command => ({
  name,
  about,
  takes: ['<user>'],
  async run({ client, output, given }) {
    const { users } = await client.get('/api/v1/users');
    const user = users.find(({ id }) => id === given[0]) ?? users.find((one) => one.name === given[0]);
    if (!user) throw new CliError(`there is no user ${JSON.stringify(given[0])}`);
    const disabled = name === 'users disable';
    const changed = await client.patch('/api/v1/users/{id}', { path: { id: user.id }, body: { disabled } });
    output.done(changed, `${user.name} is ${disabled ? 'locked out' : 'let in again'}`);
  },
});

const share: Command = {
  name: 'share',
  about: 'make a link with which anybody may watch a Stream until it ends',
  takes: ['<stream>'],
  options: {
    name: { type: 'string', value: 'NAME', about: 'whom it is for' },
    expires: { type: 'string', value: 'TIME', about: 'ends after 90s, 15m, 12h, 30d, 2w; else after 7d' },
    list: { type: 'boolean', about: 'make none: list those there are' },
    revoke: { type: 'string', value: 'ID', about: 'make none: end this one' },
  },
  async run(call) {
    const { client, output, given, values } = call;
    const [name, expiresInS, revoked] = [text(call, 'name'), duration(call, 'expires'), text(call, 'revoke')];
    const { id } = await findStream(client, given[0]!);
    if (revoked !== undefined) {
      await client.delete('/api/v1/streams/{id}/shares/{shareId}', { path: { id, shareId: revoked } });
      return output.done({ id: revoked }, 'revoked');
    }
    if (values.list === true) {
      const answer = await client.get('/api/v1/streams/{id}/shares', { path: { id } });
      const rows = answer.shares.map((one) => [one.id, one.name, one.expiresAt, one.createdBy]);
      return output.table(answer, ['id', 'name', 'ends', 'by'], rows);
    }
    const body = { ...(name === undefined ? {} : { name }), ...(expiresInS === undefined ? {} : { expiresInS }) };
    const made = await client.post('/api/v1/streams/{id}/shares', { path: { id }, body });
    output.done(made, made.url);
  },
};

export const peopleCommands = [
  ...[listTokens, createToken, revokeToken, listUsers, createUser],
  lock('users disable', 'lock a user out; holds at once'),
  lock('users enable', 'let a user in again'),
  share,
];
