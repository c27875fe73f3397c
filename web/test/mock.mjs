// SPDX-License-Identifier: Apache-2.0
// A server that answers like helved and helver, for work on the pages and for those of their tests
// that need answers no honest server gives. `node test/mock.mjs [PORT [helver]]`
import { createServer } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import { randomUUID, verify } from 'node:crypto';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
export const CSP = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";
const NONCE = Buffer.alloc(16, 7);
const STAMP = '2026-11-22T08:00:00Z';

export const hostile = {
	script: '<script>window.hit=1</script><img src=x onerror="window.hit=1">',
	attribute: '" onmouseover="window.hit=1" x="',
	link: 'javascript:window.hit=1',
	blanks: ' \tjava\nscript:window.hit=1',
	data: 'data:text/html,<script>parent.hit=1</script>',
	turned: 'safe\u202egnp.exe\u202c \u2066x\u2069 \u200b\ufeff',
	long: 'x'.repeat(65536),
};

const text = (index, type, value, more = {}) =>
	({ index, type, data: { format: 'string', value }, ttl: 86400, timestamp: STAMP, ...more });
const admin = {
	index: 100, type: 'HS_ADMIN', ttl: 86400, timestamp: STAMP,
	data: { format: 'admin', value: { handle: '0.NA/88.118.8', index: 200, permissions: '011111110011' } },
};

// The sample registry that every demonstration shows, and records that wish us ill.
function registry() {
	const records = new Map();
	const sample = join(root, '..', 'conf', 'sample', 'registry.jsonl');
	for (const line of readFileSync(sample, 'utf8').split('\n').filter(Boolean)) {
		const record = JSON.parse(line);
		records.set(record.handle, record.values.map((v) => ({ ...v, timestamp: STAMP })).sort((a, b) => a.index - b.index));
	}
	const bad = Object.values(hostile);
	records.set('88.118.8/EVIL', [
		...bad.map((s, i) => text(i + 1, 'URL', s)),
		...bad.map((s, i) => text(i + 20, s.slice(0, 200), s)),
		...bad.map((s, i) => text(i + 40, 'EMAIL', s)),
		{ index: 60, type: 'X', ttl: hostile.script, data: { format: hostile.script, value: hostile.script } },
		{ index: 61, type: 'HS_ADMIN', data: { format: 'admin', value: { handle: hostile.script, index: hostile.script, permissions: hostile.script } } },
		{ index: 62, type: 'X', data: { format: 'base64', value: hostile.script } },
		admin,
	]);
	records.set('(01)09506000134352', [text(1, 'URL', 'https://example.cn/gtin'), text(2000, 'name', 'GTIN')]);
	const link = (index, type, data) => text(index, type, JSON.stringify(data));
	records.set('(01)06901234567892', [
		text(1, 'URL', 'https://example.cn/second'),
		text(2, 'gs1:defaultLink', 'https://gear.example.cn/p/JX2106023'),
		link(3, 'gs1:pip', { href: 'https://gear.example.cn/en', title: 'Bearing', type: 'text/html', hreflang: ['en', 'de'] }),
		link(4, 'https://ref.gs1.org/voc/instructions', { href: 'https://gear.example.cn/how' }),
		link(5, 'gs1:promotion', { href: 'javascript:window.hit=1', title: 'Click' }),
		text(6, 'gs1:support', 'mailto:a@example.cn'),
		link(7, 'gs1:faqs', { href: 'https://gear.example.cn/faq', title: hostile.script }),
		text(8, 'gs1:hasSpareParts', 'https://gear.example.cn/spare'),
		text(9, 'gs1:itemDescription', 'Bearing 6205-2RS'),
	]);
	return records;
}

const step = (prefix, signature, by, servers) => ({ prefix, site: prefix + ' site', servers: [servers], signature, by, key: 'p256' });

// What a registry knows: itself.
function ownChain(id) {
	const own = { ...step(id.split('/')[0], 'unknown', 'this node', '192.0.2.88:2641'), key: undefined };
	return { handle: id, verdict: 'unknown', record: 'unknown', steps: [own] };
}

function chainOf(id) {
	const s = id.endsWith('/EVIL') ? hostile.script : '';
	const failed = id.includes('BOX');
	const unsigned = id.includes('STEEL');
	const steps = [
		step('0.NA', 'verified', '300:0.NA/0.NA' + s, '192.0.2.1:2641'),
		step('88' + s, 'verified', '300:0.NA/0.NA', '192.0.2.8:2641'),
		step('88.118', unsigned ? 'unsigned' : 'verified', '300:0.NA/88', '192.0.2.18:2641'),
		step('88.118.8', failed ? 'failed: the key is not the delegated one' + s : 'verified', '300:0.NA/88.118', '192.0.2.88:2641'),
	];
	const verdict = failed ? 'bogus' : unsigned ? 'insecure' : 'secure';
	return { handle: id, verdict, record: unsigned ? 'unsigned' : 'verified', steps };
}

export function serve(port = 0, daemon = 'helved') {
	const state = {
		records: registry(), history: new Map(), audit: [], tokens: new Set(), stats: 0, secret: 'correct horse',
		seen: [], down: false, daemon, own: false, proven: false, publicKey: null,
	};
	const note = (handle, op, values) => {
		const seq = state.audit.length + 1;
		state.audit.push({ seq, time: new Date().toISOString(), who: '300:0.NA/88.118.8', source: '127.0.0.1', op, handle });
		const versions = state.history.get(handle) ?? [];
		versions.unshift({ seq, time: new Date().toISOString(), who: '300:0.NA/88.118.8', op, values });
		state.history.set(handle, versions);
	};
	const put = (handle, values) => {
		note(handle, state.records.has(handle) ? 'modify' : 'create', values);
		state.records.set(handle, values);
	};
	const server = createServer((request, response) => {
		let body = '';
		request.setEncoding('utf8');
		request.on('data', (d) => (body += d));
		request.on('end', () => {
			if (state.down)
				return request.socket.destroy();
			return answer(state, put, note, request, body, response);
		});
	});
	return new Promise((done) => server.listen(port, '127.0.0.1', () =>
		done({ state, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() })));
}

function file(path, response) {
	const name = path === '/' || path.startsWith('/p/') ? 'index.html' : path.startsWith('/console') ? 'console/index.html' : path.slice(1);
	const full = join(dist, name);
	if (!full.startsWith(dist) || !existsSync(full)) {
		response.writeHead(404).end();
		return;
	}
	response.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff' });
	response.end(readFileSync(full));
}

function answer(state, put, note, request, body, response) {
	const url = new URL(request.url, 'http://mock');
	const path = url.pathname;
	state.seen.push(`${request.method} ${request.url}`);
	if (!path.startsWith('/api/'))
		return file(path, response);
	const say = (status, value, headers = {}) => {
		response.writeHead(status, { 'Content-Type': 'application/json;charset=utf-8', ...headers });
		response.end(typeof value === 'string' ? value : JSON.stringify(value));
	};
	const authorization = request.headers.authorization ?? '';
	const known = state.tokens.has(authorization.replace('Bearer ', ''));
	const id = (from) => decodeURIComponent(path.slice(from.length));
	const found = (handle) => state.records.get(handle);

	if (path.startsWith('/api/handles/')) {
		const handle = id('/api/handles/');
		const indexes = url.searchParams.getAll('index').map(Number);
		if (request.method === 'GET') {
			const values = found(handle);
			if (!values)
				return say(handle.startsWith('99.') ? 400 : 404, { responseCode: handle.startsWith('99.') ? 301 : 100, handle });
			const seen = values.filter((v) => known || v.permissions !== '1100');
			return say(200, { responseCode: 1, handle, values: seen });
		}
		if (!known)
			return say(401, { responseCode: 402, handle });
		if (request.method === 'DELETE') {
			const values = found(handle);
			if (!values)
				return say(404, { responseCode: 100, handle });
			if (indexes.length) {
				put(handle, values.filter((v) => !indexes.includes(v.index)));
			} else {
				state.records.delete(handle);
				note(handle, 'delete', null);
			}
			return say(200, { responseCode: 1, handle });
		}
		const { values } = JSON.parse(body);
		if (found(handle) && !indexes.length && url.searchParams.get('overwrite') === 'false')
			return say(409, { responseCode: 101, handle, message: 'Handle already exists' });
		if (values.some((v) => v.type === 'REFUSE'))
			return say(400, { responseCode: 4, handle, message: 'type REFUSE is refused <b>here</b>' });
		const kept = indexes.length ? (found(handle) ?? []).filter((v) => !indexes.includes(v.index)) : [];
		put(handle, [...kept, ...values.map((v) => ({ ttl: 86400, ...v, timestamp: new Date().toISOString() }))].sort((a, b) => a.index - b.index));
		return say(200, { responseCode: 1, handle });
	}
	if (path === '/api/sessions')
		return say(201, { sessionId: 's1', nonce: NONCE.toString('base64') });
	if (path === '/api/sessions/this') {
		const { cnonce, signature, alg } = JSON.parse(body);
		const signed = Buffer.concat([NONCE, Buffer.from(cnonce, 'base64')]);
		state.proven = state.publicKey && verify(alg === 'Ed25519' ? null : 'sha256', signed, state.publicKey, Buffer.from(signature, 'base64'));
		return state.proven ? say(200, { sessionId: 's1', authenticated: true }) : say(401, '');
	}
	if (path === '/api/v1/token') {
		const good = authorization === 'Handle sessionId="s1"' && state.proven || Buffer.from(authorization.slice(6), 'base64').toString().endsWith(':' + state.secret);
		if (!good)
			return say(401, '');
		const token = randomUUID();
		state.tokens.add(token);
		return say(200, { token, expires: '2026-12-31T00:00:00Z', id: '300:0.NA/88.118.8' });
	}
	if (path === '/api/v1/whoami')
		return say(200, known ? { id: '300:0.NA/88.118.8', how: 'token' } : { id: '', how: 'public' });
	if (path === '/api/v1/node')
		return say(200, { daemon: state.daemon, version: '0.1.0', prefixes: ['88.118.8'], features: ['search', 'load', 'history', 'audit', 'stats', 'chain'] });
	if (path.startsWith('/api/v1/chain/'))
		return found(id('/api/v1/chain/')) ? say(200, (state.own ? ownChain : chainOf)(id('/api/v1/chain/'))) : say(404, { responseCode: 100 });
	if (!known)
		return say(401, { responseCode: 402, message: 'log in first' });
	if (path === '/api/v1/identifiers') {
		const prefix = url.searchParams.get('prefix');
		const all = [...state.records.keys()].filter((k) => k.startsWith(prefix + '/')).sort();
		const limit = Number(url.searchParams.get('limit') ?? 50);
		const from = Number(url.searchParams.get('after') ?? 0);
		return say(200, { prefix, identifiers: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null, total: all.length });
	}
	if (path === '/api/v1/search') {
		const hits = [...state.records].filter(([, values]) => [...url.searchParams].every(([key, pattern]) => key === 'limit' ||
			values.some((v) => v.type.toLowerCase() === key.toLowerCase() && like(pattern, String(v.data.value)))));
		return say(200, { identifiers: hits.map(([k]) => k) });
	}
	if (path.startsWith('/api/v1/history/')) {
		const handle = id('/api/v1/history/');
		return say(200, { handle, versions: state.history.get(handle) ?? [{ seq: 1, time: STAMP, who: '300:0.NA/88.118.8', op: 'create', values: found(handle) ?? null }] });
	}
	if (path.startsWith('/api/v1/undo/')) {
		const handle = id('/api/v1/undo/');
		const version = (state.history.get(handle) ?? []).find((v) => v.seq === JSON.parse(body).seq);
		put(handle, version.values);
		return say(200, { responseCode: 1 });
	}
	if (path === '/api/v1/audit') {
		const limit = Number(url.searchParams.get('limit') ?? 50);
		if (url.searchParams.has('newestFirst')) {
			const before = Number(url.searchParams.get('before') ?? Infinity);
			const older = state.audit.filter((e) => e.seq < before).reverse();
			return say(200, { entries: older.slice(0, limit), next: older.length > limit ? older[limit - 1].seq : null });
		}
		const after = Number(url.searchParams.get('after') ?? 0);
		const entries = state.audit.slice(after, after + limit);
		return say(200, { entries, next: after + limit < state.audit.length ? after + limit : null });
	}
	if (path === '/api/v1/load') {
		let loaded = 0;
		const lines = body.split('\n').filter(Boolean).map((line, i) => {
			const record = JSON.parse(line);
			const refused = found(record.handle) && url.searchParams.get('mode') === 'create';
			if (!refused) {
				loaded++;
				if (!url.searchParams.has('dryRun'))
					put(record.handle, record.values);
			}
			return { line: i + 1, handle: record.handle, responseCode: refused ? 101 : 1, ...(refused && { message: 'exists already' }) };
		});
		lines.push({ done: true, loaded, failed: lines.length - loaded, seconds: 0.01 });
		return say(200, lines.map((l) => JSON.stringify(l) + '\n').join(''));
	}
	if (path === '/api/v1/stats') {
		const n = ++state.stats;
		const wave = (size, speed) => Math.round(size * (1.3 + Math.sin(n / speed)));
		state.queries = (state.queries ?? 0) + wave(21000, 7);
		state.commits = (state.commits ?? 0) + wave(400, 5);
		return say(200, {
			time: Date.now(), uptime: 86400 + n,
			requests: { udp: state.queries - 900, http: 900 },
			counters: { udp_queries: state.queries, http_refused: 12 },
			latency: { resolve: { p50_us: wave(90, 9), p99_us: wave(700, 4) } },
			registry: { commits: state.commits },
		});
	}
	return say(404, { responseCode: 4, message: `Unknown HTTP API endpoint ${request.method} ${path}` });
}

function like(pattern, value) {
	const parts = pattern.toLowerCase().split('*').map((p) => p.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
	return new RegExp('^' + parts.join('.*') + '$', 's').test(value.toLowerCase());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const mock = await serve(Number(process.argv[2] ?? 8000), process.argv[3]);
	console.log(mock.url);
}
