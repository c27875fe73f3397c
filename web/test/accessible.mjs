// SPDX-License-Identifier: Apache-2.0
// Accessibility: what axe-core finds, and whether the page fits into its window.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { holds } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function accessible(page, where) {
	await page.evaluate(axe); // by the debugger's way, which no content policy stops
	const found = await page.evaluate(() => window.axe.run(document, {
		runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
	}));
	const said = found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' ; ')}`);
	holds(!said.length, `${where}: ${said.join(' | ')}`);
}

export async function fits(page, where) {
	const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
	holds(wide <= room, `${where}: ${wide} pixels wide in a window of ${room}`);
}
