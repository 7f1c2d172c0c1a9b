import { fileURLToPath } from 'node:url';
import type { NextConfig } from 'next';

// The typed client is a folder of this repository, outside of the app.
const repository = fileURLToPath(new URL('../../..', import.meta.url));

const config: NextConfig = {
  turbopack: { root: repository },
  outputFileTracingRoot: repository,
  // It loads a native module, which a bundle cannot contain.
  serverExternalPackages: ['libsql'],
  poweredByHeader: false,
  devIndicators: false,
  async headers() {
    return [
      {
        source: '/:path*',
        headers: [
          { key: 'X-Content-Type-Options', value: 'nosniff' },
          { key: 'X-Frame-Options', value: 'DENY' },
          { key: 'Referrer-Policy', value: 'same-origin' },
        ],
      },
      // The browser asks for a new service worker each time.
      { source: '/sw.js', headers: [{ key: 'Cache-Control', value: 'no-cache' }] },
    ];
  },
};

export default config;
