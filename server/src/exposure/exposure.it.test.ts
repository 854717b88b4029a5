import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, type ExposureStore } from '@framelock/db';
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { Metrics } from '../Metrics.ts';
import {
  type AppearanceReport,
  appearanceListSchema,
  type ExposureReport,
  exposureSummarySchema,
  heatmapCells,
} from '../protocol/index.ts';
import { Exposures } from './Exposures.ts';

/** A whole second some minutes ago: nothing is live in it. */
const t0 = Math.floor(Date.now() / 1000) * 1000 - 600_000;
const jpeg = (fill: number) => {
  const bytes = Buffer.alloc(200, fill);
  bytes.set([0xff, 0xd8, 0xff, 0xe0]);
  return bytes.toString('base64');
};
const heatmap = (cell: number, seconds: number) =>
  Object.assign(new Array<number>(heatmapCells).fill(0), { [cell]: seconds });
let made = 0;

/** One from `from` to `to`, seconds after t0. */
const seen = (from: number, to: number, rest: Partial<AppearanceReport> = {}): AppearanceReport => ({
  ...{ id: `a${++made}`, brandId: 'acme', name: 'Acme', fromMs: t0 + from * 1000, toMs: t0 + to * 1000 },
  ...{ seconds: to - from, shareSeconds: (to - from) * 0.1, scoreSeconds: (to - from) * 0.8, largestShare: 0.25 },
  ...{ frames: 10, heatmap: heatmap(17, to - from), ended: true },
  ...rest,
});

describe('exposure', () => {
  let server: TestServer;
  let sfu: FakeSfu;
  let inference: FakeInference;
  let streamId: string;
  let publicationId: string;
  let sequence = 0;

  beforeAll(async () => {
    server = await TestServer.create();
    sfu = await createFakeSfu(nodeSecret);
    inference = await createFakeInference(nodeSecret);
    await server.attach(sfu);
    await server.attach(inference);
  });
  afterAll(async () => {
    server.stopBeats();
    await Promise.all([sfu.close(), inference.close()]);
    await server.close();
  });
  beforeEach(async () => {
    streamId = (await server.createStream('Front door')).id;
    const publisher = await server.client();
    await publisher.publish(streamId);
    publicationId = (await server.stream(streamId)).publication!.id;
  });

  const report = (appearances: AppearanceReport[], rest: Partial<ExposureReport> = {}): ExposureReport => ({
    ...{ publicationId, streamId, sequence: ++sequence, appearances },
    coverage: { runId: `run-${publicationId}`, fromMs: t0, toMs: t0 + 100_000, seconds: 80, frames: 1_000 },
    ...rest,
  });
  const answered = (one: number) => inference.callsOf('exposureStored').some((call) => call.sequence === one);
  /** Told, and stored. */
  async function tell(appearances: AppearanceReport[], rest: Partial<ExposureReport> = {}): Promise<void> {
    const told = report(appearances, rest);
    inference.emit('exposure', told);
    await until(() => answered(told.sequence), 'the report is stored');
  }
  const get = (path: string) => server.request(`/api/v1/${path}`);
  const summary = async (query = '') =>
    exposureSummarySchema.parse((await get(`exposure?streamId=${streamId}${query}`)).body);
  const iso = (seconds: number) => encodeURIComponent(new Date(t0 + seconds * 1000).toISOString());
  const outcomes = (outcome: string) => server.metric(`framelock_exposure_reports_total{outcome="${outcome}"}`);

  it('is reported by brand: union, means, place, first and last, timeline', async () => {
    await tell([
      seen(0, 10, { id: `first${publicationId}`, firstJpeg: jpeg(1), lastJpeg: jpeg(2) }),
      seen(5, 20, { heatmap: heatmap(18, 15), largestShare: 0.5 }),
      seen(40, 41, { id: `last${publicationId}`, name: 'Acme Inc.' }),
      seen(2, 3, { brandId: 'other', name: 'Other' }),
    ]);
    const answer = await summary();
    expect(answer).toMatchObject({
      ...{ streamId, publicationId: null, analysedSeconds: 80, live: false, joinGapSeconds: 1 },
      ...{ from: new Date(t0).toISOString(), to: new Date(t0 + 100_000).toISOString() },
    });
    expect(answer.brands.map(({ name }) => name)).toEqual(['Acme Inc.', 'Other']);
    const [acme] = answer.brands;
    expect(acme).toMatchObject({
      ...{ brandId: 'acme', seconds: 21, appearances: 3, longestSeconds: 15, largestShare: 0.5, onScreenNow: false },
      timeline: [
        [0, 20],
        [40, 41],
      ],
      first: {
        at: new Date(t0).toISOString(),
        appearanceId: `first${publicationId}`,
        thumbnailUrl: `/api/v1/appearances/first${publicationId}/first.jpg`,
      },
      last: { at: new Date(t0 + 41_000).toISOString(), appearanceId: `last${publicationId}`, thumbnailUrl: null },
    });
    expect(acme!.shareOfTime).toBeCloseTo(21 / 80, 9);
    expect(acme!.meanShare).toBeCloseTo(0.1, 9);
    expect(acme!.meanScore).toBeCloseTo(0.8, 9);
    expect([acme!.heatmap[17], acme!.heatmap[18]]).toEqual([11, 15]);
    const picture = await fetch(server.url + acme!.first.thumbnailUrl!);
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(Buffer.from(await picture.arrayBuffer()).toString('base64')).toBe(jpeg(1));
    expect((await get(`appearances/last${publicationId}/last.jpg`)).status).toBe(404);
    expect((await get('appearances/none/first.jpg')).status).toBe(404);
    expect((await get(`exposure?publicationId=${publicationId}`)).body).toMatchObject({
      streamId: null,
      publicationId,
    });
    expect((await get(`exposure?publicationId=none`)).body).toMatchObject({ from: null, to: null, brands: [] });
  });

  it('clips to the range, and scales what reaches beyond it', async () => {
    await tell([seen(0, 10), seen(20, 30, { heatmap: heatmap(18, 10) }), seen(50, 60)]);
    const { brands, ...rest } = await summary(`&from=${iso(5)}&to=${iso(25)}`);
    expect(rest).toMatchObject({ from: new Date(t0 + 5_000).toISOString(), to: new Date(t0 + 25_000).toISOString() });
    expect(rest.analysedSeconds).toBeCloseTo(16, 9);
    expect(brands).toMatchObject([
      {
        ...{ seconds: 10, appearances: 2, longestSeconds: 5, largestShare: 0.25 },
        timeline: [
          [0, 5],
          [15, 20],
        ],
        first: { at: new Date(t0 + 5_000).toISOString() },
        last: { at: new Date(t0 + 25_000).toISOString() },
      },
    ]);
    expect(brands[0]!.meanShare).toBeCloseTo(0.1, 9);
    expect([brands[0]!.heatmap[17], brands[0]!.heatmap[18]]).toEqual([5, 5]);
    expect((await summary(`&from=${iso(12)}&to=${iso(18)}`)).brands).toEqual([]);
    expect((await summary(`&to=${iso(2)}`)).brands).toMatchObject([{ seconds: 2 }]);
    expect((await summary(`&from=${iso(59)}`)).brands).toMatchObject([
      { seconds: 1, last: { at: new Date(t0 + 60_000).toISOString() } },
    ]);
  });

  it('takes a report as often as it comes; totals replace older ones', async () => {
    const id = `a${publicationId}`;
    const open = seen(0, 4, { id, ended: false, frames: 4, firstJpeg: jpeg(1) });
    await tell([open]);
    await tell([open]);
    await tell([seen(0, 9, { id, frames: 9, lastJpeg: jpeg(3) })]);
    await tell([open]);
    const { brands } = await summary();
    expect(brands).toMatchObject([
      { seconds: 9, appearances: 1, first: { thumbnailUrl: expect.any(String) as string } },
    ]);
    const { body } = await get(`appearances?streamId=${streamId}`);
    expect(appearanceListSchema.parse(body).appearances).toEqual([
      {
        ...{ id, streamId, publicationId, brandId: 'acme', name: 'Acme', seconds: 9, largestShare: 0.25, ended: true },
        ...{ from: new Date(t0).toISOString(), to: new Date(t0 + 9_000).toISOString() },
        ...{ meanShare: expect.closeTo(0.1, 9) as number, meanScore: expect.closeTo(0.8, 9) as number },
        ...{ firstThumbnailUrl: `/api/v1/appearances/${id}/first.jpg` },
        lastThumbnailUrl: `/api/v1/appearances/${id}/last.jpg`,
      },
    ]);
  });

  it('is live while it is told of, and over when nothing is told any more', async () => {
    const nowS = (Date.now() - t0) / 1000;
    const coverage = { runId: `run-${publicationId}`, fromMs: t0, toMs: Date.now(), seconds: nowS, frames: 5_000 };
    const [fresh, stale] = [`fresh${publicationId}`, `stale${publicationId}`];
    await tell(
      [
        seen(nowS - 5, nowS, { id: fresh, ended: false }),
        seen(nowS - 40, nowS - 30, { id: stale, ended: false, brandId: 'other' }),
      ],
      { coverage },
    );
    const { live, brands } = await summary();
    expect([live, ...brands.map(({ brandId, onScreenNow }) => [brandId, onScreenNow]).sort()]).toEqual([
      true,
      ['acme', true],
      ['other', false],
    ]);
    const { body } = await get(`appearances?streamId=${streamId}`);
    expect(appearanceListSchema.parse(body).appearances.map(({ id, ended }) => [id, ended])).toEqual([
      [fresh, false],
      [stale, true],
    ]);
    expect((await summary(`&to=${iso(nowS - 2)}`)).live).toBe(false);
  });

  it('refuses what is malformed or of no Publication here, counts it, and goes on', async () => {
    const before = await Promise.all([
      outcomes('unknown'),
      outcomes('malformed'),
      server.metric('framelock_malformed_messages_total{door="control",reason="badEvent"}'),
    ]);
    const foreign = [report([seen(0, 1)], { publicationId: 'none' }), report([seen(0, 1)], { streamId: 'another' })];
    const odd = [
      report([seen(0, 1, { fromMs: 1e300 })]),
      report([seen(0, 1, { frames: 2 ** 40 })]),
      report([seen(0, 1, { shareSeconds: 1e300 })]),
    ];
    for (const one of [...foreign, ...odd]) inference.emit('exposure', one);
    inference.emit('exposure', report([seen(0, 1, { heatmap: [1] })]));
    inference.emit('exposure', { ...report([]), sequence: -1 });
    await tell([
      seen(0, 1, {
        name: 'nul\u0000 \ud800',
        firstJpeg: Buffer.from('<svg/>').toString('base64'),
        largestShare: 1e-300,
      }),
    ]);
    expect(await outcomes('unknown')).toBe(before[0] + 2);
    expect(await outcomes('malformed')).toBe(before[1] + 3);
    expect(await server.metric('framelock_malformed_messages_total{door="control",reason="badEvent"}')).toBe(
      before[2] + 2,
    );
    expect((await summary()).brands).toMatchObject([
      { name: 'nul \ufffd', appearances: 1, first: { thumbnailUrl: null } },
    ]);
    for (const { sequence: one } of [...foreign, ...odd]) expect(answered(one)).toBe(false);
  });

  it('outlives its Publication and its Stream, whose last report may come late', async () => {
    await tell([seen(0, 4)]);
    expect((await server.request(`/api/v1/streams/${streamId}`, { method: 'DELETE' })).status).toBe(204);
    await tell([seen(10, 11)]);
    expect((await summary()).brands).toMatchObject([{ seconds: 5, appearances: 2 }]);
  });

  it('comes as files, byte for byte', async () => {
    const id = `a${publicationId}`;
    await tell([seen(0, 1.5, { id, name: '=cmd|"x"', brandId: 'evil' })]);
    const report = await get(`exposure.csv?streamId=${streamId}`);
    expect(report.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(report.headers.get('content-disposition')).toBe(`attachment; filename="exposure-${streamId}.csv"`);
    const [header, line, ...rest] = report.text.split('\r\n');
    expect(rest).toEqual(['']);
    expect(header!.split(',')).toHaveLength(15 + heatmapCells);
    expect(header).toMatch(/^brand_id,name,seconds,share_of_time,.*,analysed_s,heat_r0_c0_s,heat_r0_c1_s,/);
    const [begin, end, seen15] = [0, 100, 1.5].map((seconds) => new Date(t0 + seconds * 1000).toISOString());
    expect(line).toMatch(
      new RegExp(
        `^evil,"'=cmd\\|""x""",1\\.5,0\\.01875,1,1\\.5,0\\.1,0\\.25,0\\.8,${begin},${seen15},false,${begin},${end},80,0,`,
      ),
    );
    const appearances = await get(`appearances.csv?streamId=${streamId}`);
    expect(appearances.text).toBe(
      'id,stream_id,publication_id,brand_id,name,from,to,seconds,mean_share,largest_share,mean_score,ended\r\n' +
        `${id},${streamId},${publicationId},evil,"'=cmd|""x""",${begin},${seen15},1.5,0.1,0.25,0.8,true\r\n`,
    );
    expect((await get(`appearances.csv?streamId=none`)).text.split('\r\n')).toHaveLength(2);
    const all = await get(`appearances.json?streamId=${streamId}`);
    expect(all.body).toMatchObject({ appearances: [{ id }] });
    expect((await get('appearances.json?streamId=none')).body).toEqual({ appearances: [] });
    expect((await get(`exposure.json?streamId=${streamId}`)).body).toMatchObject({ brands: [{ brandId: 'evil' }] });
  });

  it('lists Appearances in pages and by brand, and files hold them all', async () => {
    for (let page = 0; page < 25; page++) {
      await tell(
        Array.from({ length: 100 }, (_, i) => seen(page * 100 + i, page * 100 + i + 0.5, { brandId: `b${i % 3}` })),
      );
    }
    const seenIds = new Set<string>();
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages++) {
      const { body } = await get(
        `appearances?streamId=${streamId}&brandId=b0&limit=200${cursor && `&cursor=${cursor}`}`,
      );
      const page = appearanceListSchema.parse(body);
      for (const { id } of page.appearances) seenIds.add(id);
      cursor = page.nextCursor;
    }
    expect([seenIds.size, pages]).toEqual([850, 5]);
    expect((await get(`appearances.csv?streamId=${streamId}`)).text.split('\r\n')).toHaveLength(2_502);
    const { body } = await get(`appearances.json?streamId=${streamId}`);
    expect(appearanceListSchema.shape.appearances.parse(body.appearances)).toHaveLength(2_500);
    const { brands } = await summary();
    expect(brands.map(({ appearances }) => appearances).sort()).toEqual([825, 825, 850]);
    expect((await fetch(`${server.url}/api/v1/appearances.csv?streamId=${streamId}`, { method: 'HEAD' })).status).toBe(
      200,
    );
  });

  it('needs to be told of what, in a range that is one', async () => {
    for (const path of ['exposure', 'exposure.csv', 'appearances', 'appearances.csv', 'appearances.json']) {
      expect([path, (await get(path)).status]).toEqual([path, 400]);
      expect((await get(`${path}?streamId=x&from=${iso(2)}&to=${iso(1)}`)).status).toBe(400);
      expect((await get(`${path}?streamId=x&from=yesterday`)).status).toBe(400);
    }
    expect((await get('appearances?streamId=x&cursor=zzz')).status).toBe(400);
  });
});

describe('off loopback', () => {
  it('needs the admin token', async () => {
    const guarded = await TestServer.create({ host: '0.0.0.0', adminToken: 'the-admin-token' });
    for (const path of [
      'exposure',
      'exposure.csv',
      'exposure.json',
      'appearances',
      'appearances.csv',
      'appearances.json',
    ]) {
      const status = async (token?: string) =>
        (await guarded.request(`/api/v1/${path}?streamId=x`, { ...(token ? { token } : {}) })).status;
      expect([path, await status(), await status('wrong'), await status('the-admin-token')]).toEqual([
        path,
        401,
        401,
        200,
      ]);
    }
    for (const which of ['first', 'last']) {
      expect((await guarded.request(`/api/v1/appearances/x/${which}.jpg`)).status).toBe(401);
    }
    await guarded.close();
  });
});

describe('a database that is away', () => {
  let folder: string;
  let database: Database;
  let away = false;
  const stored: number[] = [];
  const node = {
    id: 'inference-1',
    requestIfOpen: (_: string, { sequence }: { sequence: number }) => Promise.resolve(void stored.push(sequence)),
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'framelock-exposure-'));
    database = await Database.create({ dataDir: folder });
    await database.streams.insert({ id: 's', name: 'n', streamKey: 'k' });
    await database.publications.begin({ id: 'p', streamId: 's', sfuNodeId: 'n', serverId: 'me' });
    await database.publications.begin({ id: 'q', streamId: 's', sfuNodeId: 'n', serverId: 'another' });
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const create = (maxWaiting?: number) => {
    const metrics = new Metrics();
    const store = new Proxy(database.exposure, {
      get: (target, name) => {
        const method = (target as unknown as Record<string, (...args: unknown[]) => unknown>)[name as string]!;
        return (...args: unknown[]) =>
          away ? Promise.reject(new Error('the database is away')) : method.apply(target, args);
      },
    });
    const { publications } = database;
    const options = {
      store: store as ExposureStore,
      publications,
      serverId: 'me',
      maxAgeDays: 90,
      metrics,
      maxWaiting,
    };
    const exposures = Exposures.create({ ...options, logger: pino({ level: 'silent' }) });
    const tell = exposures.eventsOf(node as never).exposure!;
    const outcome = async (which: string) => {
      const lines = (await metrics.registry.metrics()).split('\n');
      return Number(lines.find((line) => !line.startsWith('#') && line.includes(which))?.split(' ')[1] ?? 0);
    };
    return { exposures, tell, outcome };
  };
  let sequence = 0;
  const report = (appearances: AppearanceReport[], publicationId = 'p'): ExposureReport => ({
    ...{ publicationId, streamId: 's', sequence: ++sequence, appearances },
    coverage: {
      runId: `run-${publicationId}`,
      fromMs: t0,
      toMs: t0 + sequence,
      seconds: sequence / 1000,
      frames: sequence,
    },
  });
  const totals = async () => {
    const rows = await database.exposure.list({}, { limit: 100 });
    return Object.fromEntries(rows.map((row) => [row.id, row.frames]));
  };

  it('gets the newest totals when it is back, and only then the node is answered', async () => {
    const { exposures, tell, outcome } = create();
    tell(report([seen(0, 1, { id: 'x', frames: 1, ended: false, firstJpeg: jpeg(7) })]));
    await until(() => stored.length === 1, 'the first is stored');
    away = true;
    for (let frames = 2; frames <= 5; frames++) tell(report([seen(0, frames, { id: 'x', frames, ended: false })]));
    await until(async () => (await outcome('framelock_database_faults_total ')) > 0, 'it was tried');
    tell(report([seen(0, 6, { id: 'x', frames: 6, lastJpeg: jpeg(8) }), seen(3, 4, { id: 'y' })]));
    expect(stored).toEqual([1]);
    away = false;
    await until(() => stored.length === 6, 'all are answered');
    expect(stored).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await totals()).toEqual({ x: 6, y: 10 });
    expect([...(await database.exposure.picture('x', 'first'))!]).toEqual([...Buffer.from(jpeg(7), 'base64')]);
    expect(exposures.waiting).toBe(0);
    await exposures.close();
  });

  it('for long: new ones are refused and counted, known ones are still replaced', async () => {
    const { exposures, tell, outcome } = create(3);
    tell(report([]));
    await until(async () => (await outcome('outcome="taken"')) === 1, 'its Publication is known');
    away = true;
    const last = report([seen(0, 1, { id: 'c', frames: 99 })]);
    for (const one of ['a', 'b', 'c', 'd', 'e']) tell(report([seen(0, 1, { id: one })]));
    tell(last);
    await until(async () => (await outcome('outcome="full"')) >= 2, 'two are refused');
    away = false;
    await until(async () => (await totals()).a === 10, 'what waited is stored');
    await exposures.close();
    expect(await totals()).not.toHaveProperty('e');
  });

  it('of another server: its reports are its own', async () => {
    const { exposures, tell, outcome } = create();
    tell(report([seen(0, 1, { id: 'z' })], 'q'));
    await until(async () => (await outcome('outcome="elsewhere"')) === 1, 'it is counted');
    await database.publications.end('q', 'serverRestarted');
    tell(report([seen(0, 1, { id: 'z' })], 'q'));
    await until(async () => 'z' in (await totals()), 'of a dead one they are taken');
    await exposures.close();
  });

  it('what waits when the server stops is written', async () => {
    const { exposures, tell } = create();
    tell(report([seen(0, 1, { id: 'final' })]));
    await until(() => exposures.waiting === 1, 'it waits');
    await exposures.close();
    expect(await totals()).toHaveProperty('final');
  });
});
