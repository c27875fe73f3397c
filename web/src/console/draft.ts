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

// All values, or the first complaint.
export function valuesOf(drafts: Draft[]): Value[] | string {
	const values = [];
	const seen = new Set<number>();
	for (const d of drafts) {
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
