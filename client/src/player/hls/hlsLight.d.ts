/** hls.js without what Framelock's streams do not have (other audio, subtitles, DRM): the same API, for which it has no types of its own. */
declare module 'hls.js/light' {
  export * from 'hls.js';
  export { default } from 'hls.js';
}
