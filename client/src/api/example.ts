// node client/src/api/example.ts: makes a Stream, says where to watch it, and takes it away again.
import { ApiError, FramelockClient } from './FramelockClient.ts';

const framelock = new FramelockClient({
  url: process.env.FRAMELOCK_URL ?? 'http://127.0.0.1:8080',
  token: process.env.FRAMELOCK_TOKEN,
});

const stream = await framelock.post('/api/v1/streams', { body: { name: 'Front door' } });
console.log('watch it at', stream.watchUrl);

const { tracks } = await framelock.get('/api/v1/tracks', {
  query: { streamId: stream.id, label: 'person', limit: 10 },
});
console.log(tracks.length, 'people were seen');

await framelock.delete('/api/v1/streams/{id}', { path: { id: stream.id } });
try {
  await framelock.get('/api/v1/streams/{id}', { path: { id: stream.id } });
} catch (error) {
  if (error instanceof ApiError) console.log(error.status, error.code, error.message);
}
