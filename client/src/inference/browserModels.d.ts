declare module 'virtual:browser-models' {
  const models: { url: string; galleryUrl?: string; description: unknown }[];
  export default models;
}
