// SPDX-License-Identifier: Apache-2.0
// The pages of real servers: tests/e2e/test_pages.py starts these, and says where they are in
// HELVE_PAGES: {resolver, registry, key, id, secretId, secret}. With HELVE_PICTURES=DIR the documents'
// pictures are taken, too.
import { createServer } from 'node:http';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessible } from './accessible.mjs';
import { holds, runAll, same, test } from './harness.mjs';

const at = JSON.parse(process.env.HELVE_PAGES);
const ITEM = '88.118.8/JX2106023';
const pictures = process.env.HELVE_PICTURES ?? '';
const tls = { ignoreHTTPSErrors: true };
const phone = { viewport: { width: 390, height: 844 }, locale: 'zh-CN' };
const asFile = (name, text) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });

async function picture(page, name, options = {}) {
	if (!pictures)
		return;
	mkdirSync(pictures, { recursive: true });
	await page.screenshot({ path: join(pictures, name + '.png'), ...options });
}

async function withKey(page) {
	await page.goto(at.registry + '/console/');
	await page.fill('input[autocomplete=username]', at.id);
	await page.check('input[type=radio] >> nth=1');
	await page.setInputFiles('input[type=file]', asFile('admin.pem', readFileSync(at.key)));
	await picture(page, 'login');
	await page.click('button[type=submit]');
	await page.waitForSelector('.list li');
}

const go = (page, place, argument = '') =>
	page.evaluate((hash) => { location.hash = hash; }, '#/' + place + (argument && '/' + encodeURIComponent(argument)));
const button = (page, name) => page.getByRole('button', { name, exact: true });

test('live: a record, verified from the root on', async (page) => {
	await page.goto(at.resolver + '/p/' + ITEM);
	await page.waitForSelector('.chain');
	same(await page.textContent('.badge >> nth=0'), '已验证');
	same(await page.locator('.chain .node.good').count(), 5, 'steps that are signed');
	holds((await page.textContent('.record')).includes('重庆渝中齿轮制造有限公司'), 'no manufacturer');
	await accessible(page, 'record');
	await picture(page, 'record-phone', { fullPage: true });
}, phone);

test('live: a record on a desk, in the dark', async (page) => {
	await page.goto(at.resolver + '/');
	await picture(page, 'ask');
	await page.fill('#id', ITEM);
	await page.press('#id', 'Enter');
	await page.waitForSelector('.chain');
	same(await page.textContent('.badge >> nth=0'), 'Verified');
	await picture(page, 'record', { fullPage: true });
}, { colorScheme: 'dark', viewport: { width: 900, height: 600 } });

test('live: a printed code leads to the verified record', async (page) => {
	await page.goto(at.resolver + '/p/' + ITEM);
	await page.waitForSelector('.record');
	await button(page, 'Label').click();
	await picture(page, 'label');
	await page.selectOption('dialog select >> nth=0', '1');
	const code = await page.locator('.qr').screenshot();
	await page.goto(at.resolver + '/');
	await page.evaluate(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }));
	await button(page, 'Scan').click();
	await page.setInputFiles('dialog input[type=file]', { name: 'code.png', mimeType: 'image/png', buffer: code });
	await page.getByText('Verified').first().waitFor();
	same(new URL(page.url()).pathname, '/p/' + ITEM);
});

test('live: what is not there, and a wrong check digit', async (page) => {
	await page.goto(at.resolver + '/p/' + ITEM + '/');
	await page.waitForSelector('.notice');
	await picture(page, 'not-found');
	await page.click('.notice button.link');
	await page.waitForSelector('.record');
	await page.fill('#id', '09506000134353');
	await page.press('#id', 'Enter');
	holds((await page.textContent('.notice')).includes('must be 2'), 'no hint');
}, { viewport: { width: 900, height: 480 } });

test('live: a registry says that it has not checked itself', async (page) => {
	await page.goto(at.registry + '/p/' + ITEM);
	await page.waitForSelector('.chain');
	same(await page.textContent('.badge >> nth=0'), 'Not checked');
	same(await page.textContent('.chain .quiet >> nth=0'), 'This registry');
	await page.getByText('a registry does not vouch for itself').waitFor();
	same(await page.getByText('past the cache').count(), 0, 'a cache');
}, tls);

test('live: a resolver has a cache and no console', async (page) => {
	await page.goto(at.resolver + '/p/88.118.8/NOT-THERE');
	await page.locator('.notice').getByText('Ask again, past the cache').click();
	await page.locator('.notice').getByText('is not registered').waitFor();
	await page.goto(at.resolver + '/console/');
	await page.getByRole('heading', { name: 'There is no console here' }).waitFor();
});

test('live: hostile values', async (page) => {
	await page.goto(at.resolver + '/p/88.118.8/EVIL');
	await page.waitForSelector('.chain');
	same(await page.evaluate(() => [window.hit, document.querySelectorAll('main script, main img').length,
		[...document.querySelectorAll('main a[href]')].filter((a) => !/^(https?|mailto):$/.test(new URL(a.href).protocol)).length]),
	[undefined, 0, 0]);
});

// In this order: after a wrong one, the server takes its time.
test('live: right and wrong secret', async (page) => {
	await page.goto(at.registry + '/console/');
	const enter = async (secret) => {
		await page.fill('input[autocomplete=username]', at.secretId);
		await page.fill('input[type=password]', secret);
		await page.click('button[type=submit]');
	};
	await enter(at.secret);
	await page.waitForSelector('.tabs');
	same(await page.textContent('.who'), at.secretId);
	await button(page, 'Log out').click();
	await enter(at.secret + '!');
	await page.getByText('identity or key is wrong').waitFor();
}, tls);

test('live: edit, compare, save, undo, by a private key', async (page) => {
	await withKey(page);
	await picture(page, 'browse');
	await go(page, 'id', ITEM);
	await page.waitForSelector('.value');
	const data = page.locator('.value').filter({ has: page.locator('legend:text-matches(" 2002 ")') }).locator('textarea');
	await data.fill('6205-2RS/C3');
	await picture(page, 'edit');
	await button(page, 'Review changes').click();
	await page.waitForSelector('dialog');
	await picture(page, 'diff');
	await button(page, 'Save').click();
	await page.waitForSelector('.notice.good');
	const stored = await (await page.request.get(`${at.registry}/api/handles/${ITEM}?index=2002`)).json();
	same(stored.values[0].data.value, '6205-2RS/C3');
	await button(page, 'History').click();
	await page.getByText('Compare with now').first().click();
	same(await page.locator('dialog .tag').allTextContents(), ['Changed']);
	await picture(page, 'undo');
	await button(page, 'Back to this').click();
	await page.waitForSelector('.notice.good');
	const undone = await (await page.request.get(`${at.registry}/api/handles/${ITEM}?index=2002`)).json();
	same(undone.values[0].data.value, '6205-2RS');
}, tls);

test('live: create and delete', async (page) => {
	await withKey(page);
	await go(page, 'new', '88.118.8');
	await page.getByLabel('Identifier').fill('88.118.8/PAGE-1');
	await page.getByLabel('Type').first().fill('URL');
	await page.getByLabel('Data', { exact: true }).first().fill('https://example.cn/page-1');
	await button(page, 'Remove value 2000').click();
	await button(page, 'Review changes').click();
	await button(page, 'Save').click();
	await page.getByRole('heading', { name: '88.118.8/PAGE-1' }).waitFor();
	await button(page, 'Delete identifier').click();
	await page.locator('dialog .danger').click();
	await page.getByText('is deleted').waitFor();
	same((await page.request.get(`${at.registry}/api/handles/88.118.8/PAGE-1`)).status(), 404);
}, tls);

test('live: bulk upload', async (page) => {
	await withKey(page);
	await go(page, 'bulk');
	const record = (n) => JSON.stringify({ handle: '88.118.8/BULK-' + n, values: [{ index: 1, type: 'URL', data: { format: 'string', value: 'https://example.cn/' + n } }] });
	const lines = Array.from({ length: 1200 }, (_, n) => record(n));
	lines.splice(700, 0, JSON.stringify({ handle: ITEM, values: [] }), JSON.stringify({ handle: '99.9/x', values: [] }));
	await page.setInputFiles('input[type=file]', asFile('batch.jsonl', lines.join('\n')));
	await button(page, 'Upload').click();
	await page.getByText('1,200 stored, 2 rejected').waitFor();
	await picture(page, 'bulk');
	same((await page.request.get(`${at.registry}/api/handles/88.118.8/BULK-1199`)).status(), 200);
}, tls);

test('live: audit and charts', async (page) => {
	await withKey(page);
	await go(page, 'audit');
	await page.waitForSelector('tbody tr');
	await picture(page, 'audit');
	await go(page, 'live');
	// Somebody asks all the while.
	await page.evaluate((id) => {
		const ask = (n) => fetch(`/api/handles/${id}?n=${n}`).then(() => ask(n + 1), () => {});
		void ask(0);
	}, ITEM);
	await page.waitForFunction((wanted) => (document.querySelector('.curve')?.getAttribute('d') ?? '').split('L').length > wanted, pictures ? 20 : 2);
	await accessible(page, 'live');
	await picture(page, 'live');
}, tls);

// Another site, in a browser that is logged in to the console: it can neither write nor read.
test('live: another site can change nothing', async (page) => {
	await withKey(page);
	const evil = `<form id=f method=post enctype=text/plain action="${at.registry}/api/v1/undo/${ITEM}"><input name='{"seq":1,"x":"' value='"}'></form>`;
	const other = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(evil));
	await new Promise((done) => other.listen(0, 'localhost', done));
	const tab = await page.context().newPage();
	await tab.goto(`http://localhost:${other.address().port}/`);
	const tried = await tab.evaluate(async ([base, id]) => {
		const body = JSON.stringify({ values: [{ index: 1, type: 'URL', data: 'https://evil.example/' }] });
		const load = JSON.stringify({ handle: '88.118.8/FORGED', values: [] });
		const all = [
			fetch(`${base}/api/handles/${id}`, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body, credentials: 'include' }),
			fetch(`${base}/api/v1/load?mode=replace`, { method: 'POST', mode: 'no-cors', body: load, credentials: 'include' }),
			fetch(`${base}/api/handles/${id}`, { method: 'DELETE', mode: 'cors', credentials: 'include' }),
		];
		return (await Promise.allSettled(all)).map((r) => (r.status === 'fulfilled' ? r.value.status : 'refused'));
	}, [at.registry, ITEM]);
	holds(!tried.some((s) => s >= 200 && s < 300), `went through: ${tried}`);
	const answer = tab.waitForResponse((r) => r.url().startsWith(at.registry));
	await tab.evaluate(() => document.getElementById('f').submit());
	holds((await answer).status() >= 400, 'the form went through');
	other.close();
	const now = await (await page.request.get(`${at.registry}/api/handles/${ITEM}?index=1`)).json();
	same(now.values[0].data.value, 'https://gear.example.cn/p/JX2106023');
	same((await page.request.get(`${at.registry}/api/handles/88.118.8/FORGED`)).status(), 404);
}, tls);

await runAll();
