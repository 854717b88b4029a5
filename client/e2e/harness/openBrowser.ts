import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const candidates = [
  process.env.CHROMIUM_BIN,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export interface BrowserOptions {
  /** Y4M or MJPEG that the fake camera loops. */
  cameraFile?: string;
  /** `allow` answers the permission prompt, `deny` refuses it. */
  camera?: 'allow' | 'deny';
}

export async function openBrowser({ cameraFile, camera = 'allow' }: BrowserOptions = {}): Promise<Browser> {
  const executablePath = candidates.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('no Chromium found; `npm test` installs one, or set CHROMIUM_BIN');
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--autoplay-policy=no-user-gesture-required',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--disable-quic',
      // Publisher and viewer are pages of one browser: none of them is to be slowed as "in the background".
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
      '--disable-background-timer-throttling',
      ...(camera === 'allow' ? ['--use-fake-ui-for-media-stream'] : []),
      '--use-fake-device-for-media-stream',
      ...(cameraFile ? [`--use-file-for-fake-video-capture=${cameraFile}`] : []),
    ],
  });
}
