/** inference/models/marker/markers.json as the build found it; see vite.config.ts. */
declare module 'virtual:markers' {
  const markers: unknown;
  export default markers;
}
