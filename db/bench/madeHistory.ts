import type postgres from 'postgres';

/** How the made-up history is: what the queries draw their parameters from. */
export const madeHistory = {
  streams: 50,
  labels: 80,
  zones: 40,
  days: 90,
  publicationsADay: 2,
  begin: new Date('2026-08-01T00:00:00Z'),
} as const;

export const streamIdOf = (index: number): string => `stream${String(index).padStart(6, '0')}`;
export const labelOf = (index: number): string => `label ${index}`;
/** Of the Stream of the same index. */
export const zoneIdOf = (index: number): string => `zone${String(index).padStart(8, '0')}`;
export const publicationIdOf = (stream: number, halfDay: number): string =>
  `pub${String(stream).padStart(3, '0')}${String(halfDay).padStart(6, '0')}`;
export const runIdOf = (stream: number, halfDay: number): string => `run${publicationIdOf(stream, halfDay).slice(3)}`;

/**
 * ObjectTracks number `from` up to and without `to` of `total`, in the order of time as a server would have written them.
 * Stream k of 50 has sqrt((k+1)/50) - sqrt(k/50) of them: the busiest 14 %, the quietest 1 %. Label k has a share that
 * falls by e every 6 labels: from 15 % to a handful of rows. One of 100 lasts minutes to hours, others some seconds. Best scores
 * are normal around 0.72: one of 800 is above 0.99. Of a Stream with a zone, 30 % were in it.
 */
export async function fillTracks(sql: postgres.Sql, from: number, to: number, total: number): Promise<void> {
  const { streams, labels, zones, days, publicationsADay, begin } = madeHistory;
  await sql.unsafe(`select setseed(${(from % 99_991) / 99_991})`);
  await sql.unsafe(`
    with drawn as materialized (
      select i,
        least(${streams - 1}, floor(${streams} * random() ^ 2))::int stream,
        least(${labels - 1}, floor(-ln(1 - random()) * 6))::int label,
        i::float8 / ${total} * ${days} as day,
        -ln(1 - random()) * 10 * case when random() < 0.01 then 300 else 1 end as seconds,
        least(0.999, greatest(0.25, random_normal(0.72, 0.09))) score,
        random() < 0.3 as in_zone
      from generate_series(${from}, ${to - 1}) i
    ), made as (
      select *, lpad(stream::text, 3, '0') || lpad(floor(day * ${publicationsADay})::text, 6, '0') run,
        date_trunc('milliseconds', timestamptz '${begin.toISOString()}' + day * interval '1 day') at_,
        case when in_zone and stream < ${zones} then array['zone' || lpad(stream::text, 8, '0')] else '{}' end zone_ids
      from drawn
    ), tracks as (
      insert into object_tracks (run_id, track_id, stream_id, publication_id, label, started_at, ended_at, first_rtp,
        last_rtp, frames, best_score, best_rtp, best_box, zone_ids, ended, has_thumbnail)
      select 'run' || run, i + 1, 'stream' || lpad(stream::text, 6, '0'), 'pub' || run, 'label ' || label, at_,
        at_ + round(seconds * 1000) * interval '1 millisecond', i % 4294967296, (i + 90000) % 4294967296, 1 + (seconds * 10)::int, score,
        (i + 45000) % 4294967296, array[0.1, 0.2, 0.3, 0.4]::real[], zone_ids, true, false
      from made
    )
    insert into object_track_zones (zone_id, run_id, track_id, started_at, label, best_score)
    select zone_ids[1], 'run' || run, i + 1, at_, 'label ' || label, score from made where cardinality(zone_ids) > 0`);
}

/** Events of the zones and Streams over the same days. */
export async function fillEvents(sql: postgres.Sql, total: number): Promise<void> {
  const { streams, zones, labels, days, begin } = madeHistory;
  await sql.unsafe(`select setseed(0.25)`);
  await sql.unsafe(`
    insert into events (id, kind, at, stream_id, stream_name, publication_id, rtp_timestamp, zone_id, zone_name, track_id,
      run_id, label, data)
    select 'event' || i, kind, timestamptz '${begin.toISOString()}' + i::float8 / ${total} * ${days} * interval '1 day',
      'stream' || lpad(stream::text, 6, '0'), 'Stream ' || stream, null, null,
      case when kind in ('streamUp', 'streamDown') or stream >= ${zones} then null else 'zone' || lpad(stream::text, 8, '0') end,
      'Zone', i % 100000 + 1, null, 'label ' || label, '{"cause": "moved"}'
    from (
      select i, least(${streams - 1}, floor(${streams} * random() ^ 2))::int stream,
        least(${labels - 1}, floor(-ln(1 - random()) * 6))::int label,
        (array['entered', 'left', 'dwell', 'crossedIn', 'crossedOut', 'brandSeen', 'streamUp', 'streamDown'])[
          case when random() < 0.001 then 7 + floor(random() * 2)::int else 1 + floor(random() * 6)::int end] kind
      from generate_series(1, ${total}) i
    ) drawn`);
}

/** Of the busiest Stream: visual properties of 90 days, one second of every ten, and a heatmap for each Publication. */
export async function fillPictures(sql: postgres.Sql): Promise<void> {
  const { days, publicationsADay, begin } = madeHistory;
  const from = begin.toISOString();
  await sql.unsafe(`
    insert into visual_properties select 'pub000' || lpad(floor(i * 10.0 / 43200)::text, 6, '0'),
      timestamptz '${from}' + i * interval '10 seconds', '${streamIdOf(0)}', 1, 90000, 10, random(), random(), random(),
      random(), random(), case when i % 200 = 0 then 1 else 0 end, '[{"colour": "#808080", "share": 1}]'
    from generate_series(0, ${days * 8640 - 1}) i`);
  await sql.unsafe(`
    insert into position_heatmaps select 'run000' || lpad(i::text, 6, '0'), '${streamIdOf(0)}', 'pub000' || lpad(i::text, 6, '0'),
      timestamptz '${from}' + i * interval '12 hours', timestamptz '${from}' + (i + 1) * interval '12 hours',
      decode(repeat('0000803f', 48 * 27), 'hex')
    from generate_series(0, ${days * publicationsADay - 1}) i`);
}

/** Removes all indexes of the tables but their primary keys, and answers how to make them again. */
export async function withoutIndexes(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ indexname: string; indexdef: string }[]>`
    select indexname, indexdef from pg_indexes
    where tablename in ('object_tracks', 'object_track_zones', 'events') and indexname not like '%_pk' and indexname not like '%_pkey'`;
  for (const { indexname } of rows) await sql.unsafe(`drop index "${indexname}"`);
  return rows.map(({ indexdef }) => indexdef);
}
