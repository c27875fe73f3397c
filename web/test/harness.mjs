// SPDX-License-Identifier: Apache-2.0
// Tests in the Chromium of the system: each has a fresh window; whatever a page complains of on its
// own fails the test. Ends with "N passed, N failed[, N skipped]".
import { existsSync } from 'node:fs';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const words = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const tests = [];

export function test(name, body, options = {}) {
	tests.push({ name, body, options });
}

export function same(got, wanted, what = '') {
	const [g, w] = [JSON.stringify(got), JSON.stringify(wanted)];
	if (g !== w)
		throw new Error(`${what}: got ${g}, wanted ${w}`);
}

export function holds(condition, what) {
	if (!condition)
		throw new Error(what);
}

// Each line with a reason, so that nobody takes silence for success.
function skipAll(why) {
	console.log(`pages: skipped: ${why}`);
	console.log(`0 passed, 0 failed, ${tests.length} skipped`);
	process.exit(0);
}

async function one(browser, { name, body, options }) {
	const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1000, height: 800 }, ...options });
	const page = await context.newPage();
	const complaints = [];
	// A status of 400 and above is not the page's fault.
	page.on('console', (m) => ['error', 'warning'].includes(m.type()) && !/Failed to load resource/.test(m.text()) && complaints.push(m.text()));
	page.on('pageerror', (e) => complaints.push(e.message));
	page.on('dialog', (d) => complaints.push('dialog: ' + d.message()));
	page.setDefaultTimeout(60000);
	try {
		await body(page);
		holds(!complaints.length, 'the page complains: ' + complaints.join(' | '));
		return true;
	} catch (e) {
		console.log(`FAIL ${name}\n  ${String(e.stack ?? e).split('\n').slice(0, 6).join('\n  ')}`);
		return false;
	} finally {
		await context.close();
	}
}

export async function runAll(args = []) {
	if (!CHROMIUM)
		skipAll('no chromium here (apt-get install chromium)');
	const playwright = await import('playwright-core').catch(() => null);
	if (!playwright)
		skipAll('no playwright-core here (npm ci in web/)');
	const browser = await playwright.chromium.launch({
		executablePath: CHROMIUM,
		timeout: 120000,
		// Root, as in containers, has no sandbox.
		args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
	});
	let passed = 0, failed = 0;
	for (const t of tests.filter((t) => !words.length || words.some((w) => t.name.includes(w)))) {
		const began = performance.now();
		if (await one(browser, t)) {
			passed++;
			console.log(`ok   ${((performance.now() - began) / 1000).toFixed(1)} s  ${t.name}`);
		} else {
			failed++;
		}
	}
	await browser.close();
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
}
