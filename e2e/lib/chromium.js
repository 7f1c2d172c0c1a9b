// A real, headless Chromium: the one at $CHROMIUM, or where Debian puts it.
import { chromium } from 'playwright-core';

export async function withPage(use, options) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Chromium's own sandbox refuses to run as root. The other switches keep it from calling home.
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  try {
    return await use(await browser.newPage(options));
  } finally {
    await browser.close();
  }
}
