// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vite';

// Two pages that share their parts. No file is inlined into another: the pages' content security
// policy is default-src 'self', which data: addresses would not pass.
export default defineConfig({
	appType: 'mpa',
	esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
	build: {
		target: 'es2020',
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		rollupOptions: { input: ['index.html', 'console/index.html'] },
	},
	server: { proxy: { '/api': 'http://127.0.0.1:8000' } },
});
