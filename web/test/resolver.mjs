// SPDX-License-Identifier: Apache-2.0
// The resolver page.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { accessible, fits } from './accessible.mjs';
import { squares } from './camera.mjs';
import { holds, same, test } from './harness.mjs';
import { hostile } from './mock.mjs';

const code = (name) => fileURLToPath(new URL('codes/' + name, import.meta.url));
const assets = fileURLToPath(new URL('../dist/assets', import.meta.url));
const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

export function resolverTests(mock) {
	const at = (id) => `${mock.url}/p/${id}`;
	const open = async (page, id, wait = '.record') => {
		await page.goto(id ? at(id) : mock.url + '/');
		if (id)
			await page.waitForSelector(wait);
	};
	const ask = async (page, text) => {
		await page.fill('#id', text);
		await page.press('#id', 'Enter');
	};
	// The pretended camera would be quicker than any picture.
	const scanPicture = async (page, file) => {
		await page.evaluate(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }));
		await page.click('.ask .second');
		await page.setInputFiles('dialog input[type=file]', file);
	};
	const atResolver = (page) => page.route('**/api/v1/node', (r) => r.fulfill({ json: { daemon: 'helver', version: '0' } }));
	const asked = () => mock.state.seen.filter((s) => s.includes('/api/handles/')).at(-1);

	for (const [locale, title, maker, verified] of [
		['en-GB', 'Look up an identifier', 'Manufacturer', 'Verified'],
		['zh-CN', '查询标识', '制造商', '已验证'],
	])
		test(`resolver: a record in ${locale}`, async (page) => {
			await open(page, '');
			same(await page.textContent('h1'), title);
			await ask(page, '88.118.8/JX2106023');
			await page.waitForSelector('.chain li');
			same(new URL(page.url()).pathname, '/p/88.118.8/JX2106023', 'address');
			const text = await page.textContent('.record');
			for (const part of [maker, '重庆渝中齿轮制造有限公司', '400-000-0118'])
				holds(text.includes(part), `no ${part} in the record`);
			same(await page.textContent('.badge >> nth=0'), verified);
			same(await page.locator('.chain li').count(), 5, 'steps');
			same(await page.getAttribute('html', 'lang'), locale === 'zh-CN' ? 'zh-CN' : 'en');
			holds(!(await page.locator('details .record').first().isVisible()), 'administrators\' values are not folded');
			await accessible(page, locale);
		}, { locale });

	for (const [id, tone, verdict] of [
		['88.118.8/JX2106023', 'good', 'Verified'], ['88.118.8/STEEL-GCR15-0588', 'warn', 'Not signed'],
		['88.118.8/BOX-000118', 'bad', 'Signature wrong'],
	])
		test(`resolver: the chain of a record that is ${tone}`, async (page) => {
			await open(page, id, '.chain');
			same(await page.textContent('.badge >> nth=0'), verdict);
			holds(await page.locator(`.chain .node.${tone}`).count() > 0, 'no step shows it');
			same(await page.locator('.notice.bad').count(), tone === 'bad' ? 1 : 0, 'warning');
		});

	test('resolver: no chain is "not checked"', async (page) => {
		await page.route('**/api/v1/chain/**', (r) => r.fulfill({ status: 501, json: { responseCode: 5 } }));
		await open(page, '88.118.8/JX2106023', '#trust');
		same(await page.textContent('.badge >> nth=0'), 'Not checked');
	});

	test('resolver: hostile values are text', async (page) => {
		await open(page, '88.118.8/EVIL', '.chain');
		for (const summary of await page.locator('summary').all())
			await summary.click();
		const seen = await page.evaluate(() => ({
			hit: window.hit,
			elements: document.querySelectorAll('main script, main img, main iframe, [onmouseover], [onerror]').length,
			links: [...document.querySelectorAll('a[href]')].map((a) => new URL(a.href).protocol),
			outside: [...document.querySelectorAll('a[target]')].filter((a) => !a.rel.includes('noopener')).length,
			text: document.body.innerText,
		}));
		same(seen.hit, undefined, 'a script ran');
		same(seen.elements, 0, 'elements');
		same(seen.outside, 0, 'links without noopener');
		holds(seen.links.every((p) => ['http:', 'https:', 'mailto:'].includes(p)), `links: ${seen.links}`);
		holds(seen.text.includes(hostile.script), 'the text itself is not shown');
		holds(!/[\u202a-\u202e\u2066-\u2069]/.test(seen.text), 'a direction sign is in the text');
		holds(seen.text.includes('U+202E'), 'direction signs are not named');
		holds((await page.locator('.record').first().innerText()).length < 60000, 'long values are not folded');
		await page.locator('.record button.link').first().click();
		holds((await page.textContent('.record')).length > 65536, 'the whole value cannot be seen');
	});

	test('resolver: an identifier that is hostile itself', async (page) => {
		await page.goto(mock.url + '/?id=' + encodeURIComponent('88.118.8/' + hostile.script));
		await page.waitForSelector('.notice');
		same(await page.evaluate(() => window.hit), undefined);
		holds((await page.textContent('.notice')).includes('<script>'), 'not shown as text');
	});

	test('resolver: what is not there, and what may have been meant', async (page) => {
		await open(page, '88.118.8/JX2106023/', '.notice');
		holds((await page.textContent('.notice')).includes('ends with a slash'), 'no hint');
		await accessible(page, 'not found');
		await page.click('.notice button.link');
		await page.waitForSelector('.record');
		await ask(page, '99.1/x');
		await page.waitForSelector('.notice');
		holds((await page.textContent('.notice')).includes('Another server'), 'no word about the prefix');
	});

	test('resolver: helver has a cache and no console, helved a console and no cache', async (page) => {
		const again = page.getByRole('button', { name: 'Ask again, past the cache' });
		const tab = page.locator('.pages').getByText('Console');
		await open(page, '88.118.8/NOT-YET', '.notice');
		await page.waitForLoadState('networkidle');
		same([await again.count(), await tab.count()], [0, 1], 'helved');
		await open(page, '88.118.8/JX2106023', '.chain');
		same(await again.count(), 0, 'helved');
		await atResolver(page);
		await open(page, '88.118.8/NOT-YET', '.notice .button');
		same([await again.count(), await tab.count()], [1, 0], 'helver');
		await accessible(page, 'not found at helver');
		mock.state.records.set('88.118.8/NOT-YET', mock.state.records.get('88.118.8/JX2106023'));
		await again.click();
		await page.waitForSelector('.record');
		holds(asked().endsWith('?auth=true'), asked());
		await again.waitFor();
		mock.state.records.delete('88.118.8/NOT-YET');
	});

	test('resolver: a registry does not vouch for itself', async (page) => {
		mock.state.own = true;
		await open(page, '88.118.8/JX2106023', '.chain');
		mock.state.own = false;
		same(await page.textContent('.chain .quiet >> nth=0'), 'This registry');
		const text = await page.locator('section', { has: page.locator('#trust') }).innerText();
		holds(text.includes('does not vouch for itself') && !text.includes('Root'), text);
	});

	test('resolver: a GS1 record and its links', async (page) => {
		await page.goto(mock.url + '/?id=' + encodeURIComponent('(01)06901234567892'));
		await page.waitForSelector('.record');
		same(await page.textContent('h2 >> nth=0'), 'Bearing 6205-2RS', 'title');
		same(await page.getAttribute('.card a.button', 'href'), 'https://gear.example.cn/p/JX2106023', 'Open');
		const rows = await page.locator('.record .row').evaluateAll((all) => all.map((row) => {
			const link = row.querySelector('a');
			return [row.querySelector('dt').textContent, link?.textContent ?? '', link?.href ?? ''];
		}));
		same(rows.slice(1), [
			['Main page', 'https://gear.example.cn/p/JX2106023', 'https://gear.example.cn/p/JX2106023'],
			['Product information', 'Bearing', 'https://gear.example.cn/en'],
			['Instructions', 'https://gear.example.cn/how', 'https://gear.example.cn/how'],
			['Promotion', '', ''],
			['Support', '', ''],
			['Questions and answers', hostile.script, 'https://gear.example.cn/faq'],
			['has spare parts', 'https://gear.example.cn/spare', 'https://gear.example.cn/spare'],
			['Description', '', ''],
		]);
		same(await page.evaluate(() => window.hit), undefined);
		holds((await page.textContent('.record')).includes('gear.example.cn · en, de · text/html'), 'no host and language');
		await accessible(page, 'GS1');
	});

	test('resolver: an identifier on a label breaks between its parts', async (page) => {
		await open(page, '88.118.8/STEEL-GCR15-0588');
		await page.click('.actions .second >> nth=0');
		const span = page.locator('.label .mono').first();
		same(await span.textContent(), '88.118.8/STEEL-GCR15-0588');
		same(await span.locator('wbr').count(), 5, 'places to break');
	});

	test('resolver: full-width characters', async (page) => {
		await open(page, '');
		await ask(page, '88．118．8／JX2106023');
		await page.click('.notice button.link');
		await page.waitForSelector('.record');
		holds(asked().endsWith('/88.118.8%2FJX2106023'), asked());
	});

	test('resolver: GS1 codes', async (page) => {
		await open(page, '');
		await ask(page, '09506000134353');
		holds((await page.textContent('.notice')).includes('the last digit must be 2'), 'no check digit');
		await page.click('.notice button.link');
		await page.waitForSelector('.record');
		for (const [typed, key] of [
			['9506000134352', '(01)09506000134352'],
			['(01)09506000134352(21)77(10)L1', '(01)09506000134352(10)L1(21)77'],
			['https://id.gs1.org/01/9506000134352/21/a%2Fb?17=261231', '(01)09506000134352(21)a/b'],
			[']d20109506000134352' + '10L1\x1d2177', '(01)09506000134352(10)L1(21)77'],
			['https://host.example/88.118.8/JX2106023', '88.118.8/JX2106023'],
			[' hdl:88.118.8/JX2106023 ', '88.118.8/JX2106023'],
		]) {
			await page.fill('#id', typed);
			await Promise.all([
				page.waitForRequest((r) => r.url().endsWith('/api/handles/' + encodeURIComponent(key))),
				page.press('#id', 'Enter')]);
		}
		await ask(page, '(01)123');
		holds((await page.textContent('.notice')).includes('wrong length'), 'no word about the length');
	});

	test('resolver: the server is away, and comes back', async (page) => {
		await open(page, '');
		mock.state.down = true;
		await ask(page, '88.118.8/JX2106023');
		await page.waitForSelector('.notice.bad');
		mock.state.down = false;
		await page.click('.notice button');
		await page.waitForSelector('.record');
	});

	for (const [file, wanted] of [
		['qr.png', '88.118.8/JX2106023'], ['datamatrix.png', '88.118.8/EQ-CNC-07'],
		['gs1.png', '(01)09506000134352(10)L1(21)77'], ['ean13.png', '(01)09506000134352'], ['code128.png', '88.118.8/BOX-000118'],
	])
		test(`resolver: reads the picture ${file}`, async (page) => {
			await open(page, '');
			await Promise.all([
				page.waitForRequest((r) => r.url().endsWith('/api/handles/' + encodeURIComponent(wanted))),
				scanPicture(page, code(file))]);
		});

	// Clean codes of our own labels that the library does not find at their size, only at half of it, or when it
	// knows that there is nothing else.
	test('resolver: reads what is found at the second look', async (page) => {
		const decoder = '/assets/' + readdirSync(assets).find((f) => f.startsWith('decode-'));
		const codes = [[236, 50195], [236, 60108], [236, 59827], [236, 35673], [238, 42800], [238, 52098], [238, 35709],
			[238, 54011], [240, 34943], [240, 50175], [240, 52498], [250, 43348], [250, 43419], [250, 33939], [250, 59503]]
			.map(([width, port]) => ({ width, dark: squares(`http://127.0.0.1:${port}/p/88.118.8/JX2106023`), port: String(port) }));
		await open(page, '');
		const missed = await page.evaluate(async ({ decoder, codes }) => {
			const { decode } = await import(decoder);
			return codes.filter(({ width, dark, port }) => {
				const image = new ImageData(width, width);
				const at = (i) => Math.floor(((i + .5) * (dark.length + 8)) / width) - 4; // four squares of margin
				for (let i = 0; i < width * width; i++) {
					const shade = dark[at(Math.floor(i / width))]?.[at(i % width)] ? 0 : 255;
					image.data.set([shade, shade, shade, 255], 4 * i);
				}
				return !decode(image)?.includes(port);
			}).map(({ width, port }) => `${port} in ${width} pixels`);
		}, { decoder, codes });
		same(missed, [], 'not read');
	});

	test('resolver: a picture without a code', async (page) => {
		await open(page, '');
		await scanPicture(page, { name: 'x.png', mimeType: 'image/png', buffer: await page.screenshot() });
		await page.getByText('No code was found').waitFor();
		await accessible(page, 'scan');
	});

	test('resolver: reads the camera', async (page) => {
		await open(page, '');
		await page.click('.ask .second');
		await page.waitForSelector('.record');
		same(await page.inputValue('#id'), 'https://any.example/p/88.118.8/JX2106023');
		same(await page.locator('dialog').count(), 0, 'dialogs');
	}, { permissions: ['camera'] });

	test('resolver: a printed label leads back to the record', async (page) => {
		await open(page, '88.118.8/JX2106023');
		await page.click('.actions .second >> nth=0');
		await page.selectOption('dialog select >> nth=0', '1');
		const label = await page.locator('.qr').screenshot();
		await accessible(page, 'label');
		await page.emulateMedia({ media: 'print' });
		same(await page.locator('.head').isVisible(), false, 'the head is printed');
		same(await page.locator('.card').first().isVisible(), false, 'the record is printed');
		same(await page.locator('.qr').isVisible(), true, 'the code is not printed');
		await page.emulateMedia({ media: 'screen' });
		await page.keyboard.press('Escape');
		await page.goto(mock.url + '/');
		await scanPicture(page, { name: 'label.png', mimeType: 'image/png', buffer: label });
		await page.waitForSelector('.record');
		same(await page.inputValue('#id'), at('88.118.8/JX2106023'));
	});

	test('resolver: by keyboard alone', async (page) => {
		await open(page, '');
		const tabTo = async (what) => {
			for (let i = 0; i < 30; i++) {
				await page.keyboard.press('Tab');
				if (await page.evaluate((w) => document.activeElement?.matches(w), what))
					return;
			}
			throw new Error('Tab does not reach ' + what);
		};
		await tabTo('#id');
		await page.keyboard.type('88.118.8/JX2106023');
		await tabTo('.ask button[type=submit]');
		await page.keyboard.press('Space');
		await page.waitForSelector('.chain');
		await tabTo('.card summary');
		await page.keyboard.press('Enter');
		holds(await page.locator('details .record').first().isVisible(), 'not unfolded');
		await tabTo('.actions button');
		await page.keyboard.press('Enter');
		await page.waitForSelector('dialog');
		await page.keyboard.press('Escape');
		await page.waitForSelector('dialog', { state: 'detached' });
		same(await page.evaluate(() => document.activeElement?.textContent), 'Label', 'focus goes back');
	});

	test('resolver: on a phone, in the dark', async (page) => {
		for (const id of ['', '88.118.8/JX2106023', '88.118.8/EVIL']) {
			await open(page, id);
			await fits(page, id);
		}
		await open(page, '88.118.8/BOX-000118', '.chain');
		await accessible(page, 'dark');
	}, { ...phone, colorScheme: 'dark' });

	test('resolver: language and colours are switched and kept', async (page) => {
		await open(page, '');
		await page.click('.head button >> nth=0');
		same(await page.textContent('h1'), '查询标识');
		await page.click('.head button >> nth=1');
		await page.click('.head button >> nth=1');
		same(await page.evaluate(() => getComputedStyle(document.body).colorScheme), 'dark');
		await page.reload();
		same(await page.textContent('h1'), '查询标识');
		same(await page.getAttribute('html', 'data-theme'), 'dark');
	});

	test('resolver: nothing is asked of another host', async (page) => {
		const hosts = new Set();
		page.on('request', (r) => hosts.add(new URL(r.url()).origin));
		await open(page, '88.118.8/JX2106023', '.chain');
		await scanPicture(page, code('qr.png'));
		await page.waitForSelector('dialog', { state: 'detached' });
		same([...hosts], [mock.url]);
	});
}
