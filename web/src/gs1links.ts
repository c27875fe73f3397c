// SPDX-License-Identifier: Apache-2.0
// The links of a GS1 record: values of type gs1:LINKTYPE, whose data is an address, or JSON with href,
// title, type and hreflang.
import type { Value } from './api';
import { safeLink } from './text';

export type Gs1Link = { href: string; title: string; about: string };

// "pip" of gs1:pip, or of the vocabulary's own address; empty: no link type.
export function linkType(type: string): string {
	return /^(?:gs1:|https?:\/\/(?:ref\.|www\.)?gs1\.org\/voc\/)(.+)$/i.exec(type)?.[1] ?? '';
}

function parse(text: string): Record<string, unknown> {
	if (!text.trimStart().startsWith('{'))
		return { href: text };
	try {
		return JSON.parse(text) as Record<string, unknown>;
	} catch {
		return {};
	}
}

const textOf = (x: unknown): string =>
	(Array.isArray(x) ? x : [x]).filter((s) => typeof s === 'string').join(', ').slice(0, 200);

export function linkOf(value: Value): Gs1Link | null {
	if (!linkType(value.type) || value.data?.format !== 'string')
		return null;
	const { href, title, hreflang, type } = parse(String(value.data.value));
	const safe = typeof href === 'string' ? safeLink(href) : null;
	if (!safe || !/^https?:/.test(safe))
		return null;
	const host = new URL(safe).host;
	return {
		href: safe,
		title: textOf(title) || safe,
		about: [textOf(title) && host, textOf(hreflang), textOf(type)].filter((s) => s).join(' · '),
	};
}

export function defaultLink(values: Value[]): Gs1Link | null {
	const found = values.find((v) => linkType(v.type).toLowerCase() === 'defaultlink' && linkOf(v));
	return found ? linkOf(found) : null;
}
