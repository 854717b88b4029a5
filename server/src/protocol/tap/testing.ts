/** Tests and benches only: senders of what a FrameTap sends. */
export * from './testClip.ts';
export * from './testPackets.ts';
