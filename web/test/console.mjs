// SPDX-License-Identifier: Apache-2.0
// The console.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { accessible, fits } from './accessible.mjs';
import { holds, same, test } from './harness.mjs';
import { hostile } from './mock.mjs';

const ID = '300:0.NA/88.118.8';
const ITEM = '88.118.8/JX2106023';
const asFile = (name, text) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });
const url = (index, value) => ({ index, type: 'URL', data: { format: 'string', value } });

export function consoleTests(mock) {
	const { state } = mock;
	const start = async (page) => {
		await page.goto(mock.url + '/console/');
		await page.click('.login button.link'); // over http, and it works here
	};
	const login = async (page, secret = state.secret) => {
		await start(page);
		await page.fill('input[autocomplete=username]', ID);
		await page.fill('input[type=password]', secret);
		await page.click('button[type=submit]');
	};
	const go = async (page, place, argument = '') => {
		await page.evaluate((hash) => { location.hash = hash; }, '#/' + place + (argument && '/' + encodeURIComponent(argument)));
	};
	const enter = async (page, place, argument) => {
		await login(page);
		await page.waitForSelector('.tabs');
		await go(page, place, argument);
	};
	const writes = (from) => state.seen.slice(from).filter((s) => /^(PUT|DELETE) /.test(s));
	const dataOf = (page, index) => page.locator('.value').filter({ has: page.locator(`legend:text-matches(" ${index} ")`) }).locator('textarea');

	test('console: over http it says at once that logins need https', async (page) => {
		await page.goto(mock.url + '/console/#/audit');
		await page.waitForSelector('.login');
		same(await page.textContent('h1'), 'Logins need HTTPS');
		same(await page.getAttribute('.login a.button', 'href'), mock.url.replace('http:', 'https:') + '/console/#/audit');
		same(await page.locator('input').count(), 0, 'fields');
		await accessible(page, 'needs https');
		await page.getByText('Try anyway').click();
		same(await page.locator('input[type=password]').count(), 1, 'no form');
	});

	test('console: there is none at helver', async (page) => {
		await page.route('**/api/v1/node', (r) => r.fulfill({ json: { daemon: 'helver', version: '0' } }));
		await page.goto(mock.url + '/console/');
		await page.getByRole('heading', { name: 'There is no console here' }).waitFor();
		same([await page.locator('form, input').count(), await page.locator('.pages').getByText('Console').count()], [0, 0]);
		await accessible(page, 'no console');
	});

	test('console: a wrong secret, then the right one', async (page) => {
		await login(page, 'wrong');
		await page.waitForSelector('.notice.bad');
		holds((await page.textContent('.notice')).includes('identity or key is wrong'), 'no reason');
		await accessible(page, 'login');
		await login(page);
		await page.waitForSelector('.list');
		const kept = await page.evaluate(() => [document.cookie, JSON.stringify(localStorage)].join(' '));
		holds(![...state.tokens].some((t) => kept.includes(t)), 'the token is kept beyond the session');
		await page.reload();
		await page.waitForSelector('.list');
		await page.getByText('Log out').click();
		await page.waitForSelector('.login');
		same(await page.evaluate(() => sessionStorage.length), 0, 'left behind');
	});

	for (const [name, make] of [
		['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
		['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
		['Ed25519', () => generateKeyPairSync('ed25519')],
	])
		for (const form of ['PEM', 'JWK'])
			test(`console: log in with a private key, ${name} as ${form}`, async (page) => {
				const { publicKey, privateKey } = make();
				state.publicKey = publicKey;
				const text = form === 'PEM' ? privateKey.export({ type: 'pkcs8', format: 'pem' }) : JSON.stringify(privateKey.export({ format: 'jwk' }));
				const sent = [];
				page.on('request', (r) => sent.push(r.postData() ?? '', JSON.stringify(r.headers())));
				await start(page);
				await page.fill('input[autocomplete=username]', ID);
				await page.check('input[type=radio] >> nth=1');
				await page.setInputFiles('input[type=file]', asFile('key', text));
				await page.click('button[type=submit]');
				await page.waitForSelector('.list');
				const { d } = privateKey.export({ format: 'jwk' });
				const core = (form === 'JWK' ? d : text.split('\n')[1]).slice(0, 30);
				holds(!sent.some((s) => s.includes(core)), 'the key left the browser');
			});

	test('console: a file that is no key', async (page) => {
		await start(page);
		await page.fill('input[autocomplete=username]', ID);
		await page.check('input[type=radio] >> nth=1');
		await page.setInputFiles('input[type=file]', asFile('key', 'no key'));
		await page.click('button[type=submit]');
		holds((await page.textContent('.notice.bad')).includes('helvectl key convert'), 'no way out');
	});

	test('console: a login that has ended', async (page) => {
		await enter(page, 'audit');
		state.tokens.clear();
		await go(page, 'browse');
		await page.getByText('Your login has ended').waitFor();
	});

	test('console: browse and search', async (page) => {
		await enter(page, 'browse');
		await page.waitForSelector('.list li');
		same(await page.locator('.list li').count(), 50, 'first page');
		await page.getByText('Show more').click();
		await page.locator('.list li >> nth=50').waitFor();
		await page.fill('input[placeholder=name]', 'model');
		await page.fill('input[placeholder="*6205*"]', '6205*');
		await page.getByRole('button', { name: 'Search' }).click();
		await page.waitForFunction(() => document.querySelectorAll('.list li').length < 50);
		await page.getByRole('link', { name: ITEM, exact: true }).click();
		await page.waitForSelector('.value');
	});

	test('console: an edit sends only what differs', async (page) => {
		await enter(page, 'id', ITEM);
		await dataOf(page, 2001).fill('渝齿 A');
		await page.getByLabel('Remove value 2008').click();
		await page.getByText('Add a value').click();
		const row = page.locator('.value').last();
		await row.getByLabel('Type').fill('image');
		await row.getByLabel('Data', { exact: true }).fill('https://example.cn/p.png');
		const from = state.seen.length;
		await page.getByText('Review changes').click();
		await page.waitForSelector('dialog');
		same(await page.locator('dialog .tag').allTextContents(), ['Changed', 'Removed', 'Added']);
		await accessible(page, 'diff');
		same(writes(from), [], 'written before it was confirmed');
		await page.getByRole('button', { name: 'Save' }).click();
		await page.waitForSelector('.notice.good');
		const path = '/api/handles/' + encodeURIComponent(ITEM);
		same(writes(from), [`PUT ${path}?index=2010&overwrite=false`, `PUT ${path}?index=2001&overwrite=true`, `DELETE ${path}?index=2008`]);
		const now = state.records.get(ITEM);
		same(now.find((v) => v.index === 2001).data.value, '渝齿 A');
		holds(now.some((v) => v.index === 2009), 'a value that was not touched is gone');
	});

	test('console: somebody else was quicker', async (page) => {
		await enter(page, 'id', '88.118.8/EQ-CNC-07');
		await dataOf(page, 2000).fill('mine');
		state.records.get('88.118.8/EQ-CNC-07').find((v) => v.index === 2001).data.value = 'theirs';
		await page.getByText('Review changes').click();
		await page.waitForSelector('dialog .notice.warn');
	});

	test('console: create, as a form and as JSON; refuse; delete', async (page) => {
		await enter(page, 'new', '88.118.8');
		await page.waitForSelector('.value');
		await page.getByLabel('Identifier').fill('88.118.8/NEW');
		await page.getByText('Review changes').click();
		holds((await page.textContent('.notice.bad')).includes('at least one value'), 'an empty record passes');
		await page.getByLabel('Data', { exact: true }).first().fill('x');
		await page.getByText('Review changes').click();
		holds((await page.textContent('.notice.bad')).includes('Value 1 has no type'), 'an empty type passes');
		await page.getByLabel('Type').first().fill('REFUSE');
		await page.getByText('Review changes').click();
		await page.getByRole('button', { name: 'Save' }).click();
		await page.getByText('type REFUSE is refused <b>here</b>').waitFor();
		await page.getByLabel('Type').first().fill('URL');
		await page.getByRole('button', { name: 'JSON' }).click();
		const json = JSON.parse(await page.getByLabel('JSON').inputValue());
		same(json.map((v) => v.type), ['URL'], 'the blank row');
		await page.getByLabel('JSON').fill('{');
		await page.getByText('Review changes').click();
		holds((await page.textContent('.notice.bad')).includes('no list of values'), 'bad JSON passes');
		await page.getByLabel('JSON').fill(JSON.stringify([url(1, 'https://example.cn/new')]));
		await page.getByText('Review changes').click();
		same(await page.locator('dialog .diff strong').allTextContents(), ['1', '100'], 'who may change it');
		holds((await page.textContent('dialog')).includes('"permissions":"111111111111"'), 'not with all rights');
		await page.getByRole('button', { name: 'Cancel' }).click();
		await page.getByLabel('may change this record later').uncheck();
		await page.getByText('Review changes').click();
		await page.getByRole('button', { name: 'Save' }).click();
		await page.getByRole('heading', { name: '88.118.8/NEW' }).waitFor();
		same(state.records.get('88.118.8/NEW').length, 1);
		await page.getByRole('button', { name: 'Delete identifier' }).click();
		await page.locator('dialog .danger').click();
		await page.getByText('is deleted').waitFor();
		holds(!state.records.has('88.118.8/NEW'), 'still there');
	});

	test('console: what is created can be changed later, untouched rows are passed over', async (page) => {
		await enter(page, 'new', '88.118.8');
		await page.getByLabel('Identifier').fill('88.118.8/MINE');
		await page.getByLabel('Type').first().fill('URL');
		await page.getByLabel('Data', { exact: true }).first().fill('https://example.cn/mine');
		await accessible(page, 'new');
		await page.getByText('Review changes').click();
		await page.getByRole('button', { name: 'Save' }).click();
		await page.getByRole('heading', { name: '88.118.8/MINE' }).waitFor();
		const stored = state.records.get('88.118.8/MINE');
		same(stored.map((v) => [v.index, v.type]), [[1, 'URL'], [100, 'HS_ADMIN']]);
		same(stored[1].data, { format: 'admin', value: { handle: '0.NA/88.118.8', index: 300, permissions: '111111111111' } });
		state.records.delete('88.118.8/MINE');
	});

	test('console: undo from history', async (page) => {
		await enter(page, 'id', '88.118.8/PART-6205-IR');
		const before = state.records.get('88.118.8/PART-6205-IR');
		state.history.set('88.118.8/PART-6205-IR', [{ seq: 901, time: '2026-11-20T00:00:00Z', who: ID, op: 'create', values: before }]);
		await dataOf(page, 2001).fill('D');
		await page.getByText('Review changes').click();
		await page.getByRole('button', { name: 'Save' }).click();
		await page.waitForSelector('.notice.good');
		await page.getByRole('button', { name: 'History' }).click();
		await page.getByText('Compare with now').first().click();
		same(await page.locator('dialog .tag').allTextContents(), ['Changed']);
		await page.getByRole('button', { name: 'Back to this' }).click();
		await page.waitForSelector('.notice.good');
		same(state.records.get('88.118.8/PART-6205-IR').find((v) => v.index === 2001).data.value, 'C');
		await accessible(page, 'history');
	});

	for (const [name, text, stored, lines] of [
		['up.jsonl', [ITEM, '88.118.8/U1', '88.118.8/U2'].map((handle) => JSON.stringify({ handle, values: [url(1, 'https://e.cn')] })).join('\n') + '\n{"values":[]}\nnix\n', '2 stored, 3 rejected', ['1', '4', '5']],
		['up.csv', `\ufeffhandle,index,type,data\r\n88.118.8/C1,1,URL,https://e.cn\r\n88.118.8/C1,2000,brand,"渝齿, ""A""\nB"\r\n${ITEM},1,URL,x\r\n88.118.8/C2,x,URL,y\r\n88.118.8/C3,1,URL\r\n`, '1 stored, 3 rejected', ['5', '6', '7']],
	])
		test(`console: bulk upload of ${name}`, async (page) => {
			await enter(page, 'bulk');
			await page.setInputFiles('input[type=file]', asFile(name, text));
			await page.getByRole('button', { name: 'Upload' }).click();
			await page.getByText(stored).waitFor();
			same(await page.locator('td:first-child').allTextContents(), lines);
			await accessible(page, 'bulk');
			const [file] = await Promise.all([page.waitForEvent('download'), page.getByText('Download rejected').click()]);
			same(readFileSync(await file.path(), 'utf8').trim().split('\n').length, lines.length, 'downloaded');
			if (name === 'up.csv')
				same(state.records.get('88.118.8/C1')[1].data.value, '渝齿, "A"\nB');
		});

	test('console: bulk upload in pieces, checked and whole', async (page) => {
		await enter(page, 'bulk');
		const many = Array.from({ length: 1201 }, (_, i) => JSON.stringify({ handle: `88.118.8/MANY-${i}`, values: [url(1, 'https://e.cn')] })).join('\n');
		await page.setInputFiles('input[type=file]', asFile('many.jsonl', many));
		await page.getByLabel('Only check').check();
		const from = state.seen.length;
		await page.getByRole('button', { name: 'Upload' }).click();
		await page.getByText('1,201 would be stored').waitFor();
		same(state.seen.slice(from).filter((s) => s.includes('/load?')).length, 3, 'pieces');
		holds(!state.records.has('88.118.8/MANY-0'), 'a check stores');
		await page.getByLabel('All or nothing').check();
		await page.getByRole('button', { name: 'Upload' }).click();
		await page.getByText('1,201 of 1,201').waitFor();
		holds(state.seen.at(-1).includes('allOrNothing=true'), 'not as a whole');
		mock.state.down = true;
		await page.getByRole('button', { name: 'Upload' }).click();
		await page.getByText('Stopped:').waitFor();
		mock.state.down = false;
	});

	test('console: audit, in pages', async (page) => {
		for (let i = state.audit.length; i < 150; i++)
			state.audit.push({ seq: i + 1, time: '2026-11-22T00:00:00Z', who: ID, source: '127.0.0.1', op: 'modify', handle: ITEM });
		await enter(page, 'audit');
		await page.waitForSelector('tbody tr');
		same(await page.locator('tbody tr').count(), 100);
		same(await page.textContent('tbody td'), '150');
		await page.getByText('Show more').click();
		await page.locator('tbody tr >> nth=149').waitFor();
		same(await page.textContent('tbody tr:last-child td'), '1');
		await accessible(page, 'audit');
		await page.fill('input[type=number]', '150');
		await page.getByRole('button', { name: 'Show', exact: true }).click();
		await page.waitForFunction(() => document.querySelectorAll('tbody tr').length < 100);
		same(await page.textContent('tbody td'), '150');
		await page.fill('input[type=number]', '1');
		await page.getByRole('button', { name: 'Show', exact: true }).click();
		await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 100);
		same(await page.textContent('tbody td'), '1');
	});

	test('console: an audit row of a range', async (page) => {
		const entry = { seq: 1e8, time: '2026-11-22T00:00:00Z', who: ID, op: 'HELVE_BULK', kind: 'range', count: 1078, handle: '88.118.8/VALVE-922', last: '88.118.8/VALVE-999' };
		state.audit.push(entry);
		await enter(page, 'audit');
		await page.waitForSelector('tbody tr');
		state.audit.splice(state.audit.indexOf(entry), 1);
		same(await page.textContent('tbody tr >> td >> nth=3'), '1,078 records, from 88.118.8/VALVE-922 to 88.118.8/VALVE-999');
		same(await page.locator('tbody tr >> nth=0').locator('a').count(), 2, 'links');
	});

	test('console: charts move', async (page) => {
		await enter(page, 'live');
		await page.waitForFunction(() => [...document.querySelectorAll('.curve')].filter((c) => (c.getAttribute('d') ?? '').includes('L')).length === 4);
		holds(/[1-9]/.test(await page.textContent('.chart strong')), 'no queries');
		await accessible(page, 'live');
		await page.getByText('Pause').click();
		const n = state.stats;
		await page.getByText('Go on').click();
		await page.waitForFunction(() => document.querySelector('button.second')?.textContent === 'Pause');
		holds(state.stats >= n, 'stands still');
	});

	test('console: hostile values', async (page) => {
		const evil = '88.118.8/' + hostile.script;
		state.records.set(evil, state.records.get('88.118.8/EVIL'));
		state.audit.push({ seq: 1e9, time: hostile.script, who: hostile.script, source: hostile.link, op: hostile.attribute, handle: evil });
		state.history.set(evil, [1, 2].map((seq) => ({ seq, time: hostile.script, who: hostile.script, op: hostile.script, values: state.records.get(evil) })));
		await enter(page, 'browse');
		await page.waitForSelector('.list li');
		for (const [place, argument, wait] of [['audit', '', 'tbody tr'], ['history', evil, '.list'], ['id', evil, '.value']]) {
			await go(page, place, argument);
			await page.waitForSelector(wait);
			same(await page.evaluate(() => [window.hit, document.querySelectorAll('main script, main img, [onmouseover], [onerror]').length]), [undefined, 0], place);
		}
		await dataOf(page, 1).fill(hostile.attribute + hostile.script);
		await page.getByText('Review changes').click();
		await page.waitForSelector('dialog .diff');
		same(await page.evaluate(() => [window.hit, document.querySelectorAll('main script, main img').length]), [undefined, 0], 'diff');
		state.audit.pop();
		state.records.delete(evil);
	});

	test('console: by keyboard alone, in Chinese', async (page) => {
		await page.goto(mock.url + '/console/');
		const tabTo = async (what) => {
			for (let i = 0; i < 60; i++) {
				await page.keyboard.press('Tab');
				if (await page.evaluate((w) => document.activeElement?.matches(w), what))
					return;
			}
			throw new Error('Tab does not reach ' + what);
		};
		await tabTo('.login button.link');
		await page.keyboard.press('Enter');
		await tabTo('input[autocomplete=username]');
		await page.keyboard.type(ID);
		await tabTo('input[type=password]');
		await page.keyboard.type(state.secret);
		await page.keyboard.press('Enter');
		await page.waitForSelector('.list li');
		await accessible(page, 'list');
		await tabTo('.list a');
		await page.keyboard.press('Enter');
		await page.waitForSelector('.value');
		await accessible(page, 'form');
		await tabTo('.value textarea');
		await page.keyboard.type('!');
		await tabTo('form button[type=submit]');
		await page.keyboard.press('Enter');
		await page.waitForSelector('dialog');
		await tabTo('dialog .button');
		await page.keyboard.press('Enter');
		await page.getByText('已保存').waitFor();
	}, { locale: 'zh-CN' });

	test('console: on a phone', async (page) => {
		await login(page);
		await page.waitForSelector('.list li');
		for (const [place, argument, wait] of [['browse', '', '.list'], ['id', ITEM, '.value'], ['history', ITEM, '.list'], ['bulk', '', 'form'], ['audit', '', 'tbody'], ['live', '', '.chart']]) {
			await go(page, place, argument);
			await page.waitForSelector(wait);
			await fits(page, place);
			await accessible(page, place);
		}
	}, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
}
