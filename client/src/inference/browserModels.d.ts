declare module 'virtual:browser-models' {
  const models: { url: string; description: unknown }[];
  export default models;
}
