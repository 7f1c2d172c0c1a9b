// A real, headless Chromium: the one at $CHROMIUM, or Debian's.
import { chromium } from 'playwright-core';

export async function withPage(use, options) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Chromium's own sandbox refuses to run as root. The other switches disable its own network requests.
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  try {
    return await use(await browser.newPage(options));
  } finally {
    await browser.close();
  }
}
