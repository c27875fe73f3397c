// SPDX-License-Identifier: Apache-2.0
// A record while it is edited: each value as the texts of its fields, and what the fields make of it.
import type { Value } from '../api';
import { t } from '../i18n';

export const FORMATS = ['string', 'base64', 'hex', 'admin', 'vlist', 'site', 'key'] as const;

export type Draft = {
	id: number; // of the row, for the screen
	index: string;
	type: string;
	format: string;
	text: string;
	ttl: string;
	permissions: string;
	references: unknown;
};

let rows = 0;

const isText = (format: string): boolean => ['string', 'base64', 'hex'].includes(format);

export function draftOf(v: Value): Draft {
	const { format, value } = v.data;
	return {
		id: ++rows,
		index: String(v.index),
		type: v.type,
		format,
		text: isText(format) ? String(value) : JSON.stringify(value, null, 1),
		ttl: String(v.ttl ?? 86400),
		permissions: v.permissions ?? '1110',
		references: v.references,
	};
}

export function newDraft(others: Draft[], first: number): Draft {
	const used = others.map((d) => Number(d.index)).filter((n) => n >= first && n < first + 1000);
	return draftOf({ index: Math.max(first - 1, ...used) + 1, type: '', data: { format: 'string', value: '' } });
}

// A row that nobody filled in.
const isBlank = (d: Draft): boolean => !d.type.trim() && !d.text;

// Who may change the record later: `who`, INDEX:IDENTIFIER, with all rights; at 100 or the next free
// index. Values that name an administrator themselves stay as they are.
export function withAdmin(values: Value[], who: string): Value[] {
	const [, index, handle] = /^(\d+):(.+)$/.exec(who) ?? [];
	if (!handle || values.some((v) => v.type.toUpperCase() === 'HS_ADMIN'))
		return values;
	let at = 100;
	while (values.some((v) => v.index === at))
		at++;
	const admin = draftOf({
		index: at, type: 'HS_ADMIN',
		data: { format: 'admin', value: { handle, index: Number(index), permissions: '111111111111' } },
	});
	return [...values, valueOf(admin) as Value].sort((a, b) => a.index - b.index);
}

function valueOf(d: Draft): Value | string {
	if (!/^[1-9]\d{0,9}$/.test(d.index.trim()))
		return t('needIndex');
	if (!d.type.trim())
		return t('needType', d.index);
	let value: unknown = d.text;
	if (!isText(d.format))
		try {
			value = JSON.parse(d.text);
		} catch {
			return t('needJson', d.index);
		}
	const ttl = d.ttl.trim();
	return {
		index: Number(d.index),
		type: d.type.trim(),
		data: { format: d.format, value },
		ttl: /^\d+$/.test(ttl) ? Number(ttl) : ttl,
		...(d.permissions !== '1110' && { permissions: d.permissions }),
		...(d.references !== undefined && { references: d.references }),
	};
}

// All values but the blank ones, or the first complaint.
export function valuesOf(drafts: Draft[]): Value[] | string {
	const values = [];
	const seen = new Set<number>();
	for (const d of drafts.filter((d) => !isBlank(d))) {
		const value = valueOf(d);
		if (typeof value === 'string')
			return value;
		if (seen.has(value.index))
			return t('dupIndex', value.index);
		seen.add(value.index);
		values.push(value);
	}
	return values.sort((a, b) => a.index - b.index);
}

// The same from JSON that somebody typed: a list of values, or an object that has one.
export function valuesOfJson(text: string): Value[] | string {
	try {
		const read = JSON.parse(text) as Value[] | { values: Value[] };
		const list = Array.isArray(read) ? read : read.values;
		const drafts = list.map((v) => draftOf({ ...v, data: typeof v.data === 'string' ? { format: 'string', value: v.data } : v.data }));
		return valuesOf(drafts);
	} catch (e) {
		return t('jsonBad', e instanceof Error ? e.message : '');
	}
}
