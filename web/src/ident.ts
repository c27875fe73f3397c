// SPDX-License-Identifier: Apache-2.0
// From what a person typed or a scanner read to the identifier that the server is asked for. Only
// wrappers are taken off; other schemes (OID, DID, Ecode) are the server's to read.
import { t } from './i18n';
import { readGs1, type Gs1Error } from './gs1';

export type Reading = { id: string } | { error: string; instead?: string };

// Full-width forms of ASCII, the ideographic space and full stop: typed by accident.
const WIDE = /[\uff01-\uff5e\u3000\u3002]/g;

function narrow(text: string): string {
	return text.replace(WIDE, (c) => {
		if (c === '\u3000')
			return ' ';
		return c === '\u3002' ? '.' : String.fromCharCode(c.charCodeAt(0) - 0xfee0);
	}).trim();
}

function gs1Error(e: Gs1Error): Reading {
	switch (e.error) {
	case 'check':
		return {
			error: t('errCheck', e.text, e.digit),
			instead: e.text.slice(0, -1) + String(e.digit),
		};
	case 'length':
		return { error: t('errGs1', t('gs1Length', e.ai)) };
	case 'ai':
		return { error: t('errGs1', t('gs1Ai', e.ai)) };
	case 'key':
		return { error: t('errGs1', t('gs1Key')) };
	}
}

function decodeOnce(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

// What an address asks for: ?id=, /p/..., /api/handles/..., or its whole path.
function fromAddress(text: string): string {
	let url;
	try {
		url = new URL(text);
	} catch {
		return text;
	}
	const asked = url.searchParams.get('id') ?? url.searchParams.get('handle');
	if (asked)
		return asked;
	const path = url.pathname.replace(/^\/(p\/|api\/handles\/)?/, '');
	return readGs1(path) ? path : decodeOnce(path);
}

export function readIdentifier(input: string): Reading {
	let text = input.trim();
	if (!text)
		return { error: t('empty') };
	if (/^https?:\/\//i.test(text))
		text = fromAddress(text);
	text = text.replace(/^(hdl|doi|handle):/i, '').trim();
	const wide = text.match(WIDE);
	// Chinese suffixes may hold full-width signs on purpose; a prefix never does.
	if (wide && !/^[0-9.]+\//.test(text))
		return { error: t('errWide', [...new Set(wide)].join(' ')), instead: narrow(text) };
	const gs1 = readGs1(text);
	if (gs1)
		return 'key' in gs1 ? { id: gs1.key } : gs1Error(gs1);
	return text ? { id: text } : { error: t('empty') };
}

// What might have been meant, when nothing was found.
export function otherSpellings(id: string): { why: string; id: string }[] {
	const found = [];
	if (id.endsWith('/'))
		found.push({ why: t('hintSlash'), id: id.replace(/\/+$/, '') });
	if (/\s/.test(id))
		found.push({ why: t('hintSpace'), id: id.replace(/\s+/g, '') });
	const wide = id.match(WIDE);
	if (wide)
		found.push({ why: t('errWide', [...new Set(wide)].join(' ')), id: narrow(id) });
	if (/^\d+(\.\d+)*$/.test(id))
		found.push({ why: t('hintPrefix'), id: '0.NA/' + id });
	return found.filter((f) => f.id && f.id !== id);
}

// The page of an identifier. Browsers fold "." and ".." in paths, so such go into the query.
export function pageOf(id: string): string {
	if (id.split('/').some((part) => part === '' || part === '.' || part === '..'))
		return '/?id=' + encodeURIComponent(id);
	return '/p/' + id.split('/').map(encodeURIComponent).join('/');
}

export function idOfPage(where: Location): string {
	const asked = new URLSearchParams(where.search).get('id');
	if (asked !== null)
		return asked;
	return where.pathname.startsWith('/p/') ? decodeOnce(where.pathname.slice(3)) : '';
}
