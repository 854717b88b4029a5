/** What server and nodes share beside the wire, for Node only: browsers have no node:crypto. */
export * from './fromZero.ts';
export * from './hlsOriginToken.ts';
export * from './ProcessMeter.ts';
