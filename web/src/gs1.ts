// SPDX-License-Identifier: Apache-2.0
// GS1 element strings, in brackets or with FNC1, and Digital Link paths: read into the key that is
// looked up, as an element string in brackets, with the qualifiers in their order and everything else
// left out.

export type Gs1Error = { error: 'check'; text: string; digit: number } | { error: 'length'; ai: string } |
	{ error: 'ai'; ai: string } | { error: 'key' };
export type Gs1Result = { key: string } | Gs1Error;
type Pair = [ai: string, value: string];

// Primary keys: digits up to and with the check digit (0: none), longest whole value, qualifiers.
const keys: Record<string, { digits: number; longest: number; then: string[] }> = {
	'00': { digits: 18, longest: 18, then: [] },
	'01': { digits: 14, longest: 14, then: ['22', '10', '21', '235'] },
	'253': { digits: 13, longest: 30, then: [] },
	'255': { digits: 13, longest: 25, then: [] },
	'401': { digits: 0, longest: 30, then: [] },
	'402': { digits: 17, longest: 17, then: [] },
	'414': { digits: 13, longest: 13, then: ['254', '7040'] },
	'415': { digits: 13, longest: 13, then: ['8020'] },
	'417': { digits: 13, longest: 13, then: ['7040'] },
	'8003': { digits: 14, longest: 30, then: [] },
	'8004': { digits: 0, longest: 30, then: ['7040'] },
	'8006': { digits: 14, longest: 18, then: ['22', '10', '21'] },
	'8010': { digits: 0, longest: 30, then: ['8011'] },
	'8013': { digits: 0, longest: 25, then: [] },
	'8017': { digits: 18, longest: 18, then: ['8019'] },
	'8018': { digits: 18, longest: 18, then: ['8019'] },
};

// Element strings whose length the first two digits tell; all others end at FNC1.
const fixed: Record<string, number> = {
	'00': 20, '01': 16, '02': 16, '03': 16, '04': 18, '20': 4, '41': 16,
	'11': 8, '12': 8, '13': 8, '14': 8, '15': 8, '16': 8, '17': 8, '18': 8, '19': 8,
	'31': 10, '32': 10, '33': 10, '34': 10, '35': 10, '36': 10,
};

const GS = '\x1d';

export function checkDigit(digits: string): number {
	let sum = 0;
	for (let i = 0; i < digits.length; i++)
		sum += Number(digits[digits.length - 1 - i]) * (i % 2 === 0 ? 3 : 1);
	return (10 - (sum % 10)) % 10;
}

function aiLength(text: string): number {
	if (/^(2[345]|40|41|42|71)/.test(text))
		return 3;
	return /^(3[1-69]|43|7[0234]|8[0-2])/.test(text) ? 4 : 2;
}

function fromFnc1(text: string): Pair[] {
	const pairs: Pair[] = [];
	let rest = text;
	while (rest) {
		if (rest[0] === GS) {
			rest = rest.slice(1);
			continue;
		}
		const n = aiLength(rest);
		const known = fixed[rest.slice(0, 2)];
		const mark = rest.indexOf(GS);
		const end = known ?? (mark < 0 ? rest.length : mark);
		pairs.push([rest.slice(0, n), rest.slice(n, end)]);
		rest = rest.slice(end);
	}
	return pairs;
}

function fromBrackets(text: string): Pair[] {
	return [...text.matchAll(/\((\d{2,4})\)([^(]*)/g)].map((m) => [m[1] ?? '', (m[2] ?? '').trim()]);
}

function toKey(pairs: Pair[]): Gs1Result {
	const first = pairs.find(([ai]) => ai in keys);
	if (!first)
		return pairs[0] && !/^\d+$/.test(pairs[0][0]) ? { error: 'ai', ai: pairs[0][0] } : { error: 'key' };
	const rule = keys[first[0]]!;
	let value = first[1];
	if (first[0] === '01' && /^(\d{8}|\d{12}|\d{13})$/.test(value))
		value = value.padStart(14, '0');
	const numeric = value.slice(0, rule.digits);
	if (value.length > rule.longest || numeric.length < rule.digits || !value || !/^\d*$/.test(numeric))
		return { error: 'length', ai: first[0] };
	if (rule.digits) {
		const right = checkDigit(numeric.slice(0, -1));
		if (right !== Number(numeric.slice(-1)))
			return { error: 'check', text: first[1], digit: right };
	}
	let key = `(${first[0]})${value}`;
	for (const ai of rule.then) {
		const found = pairs.find(([name]) => name === ai);
		if (found && found[1])
			key += `(${ai})${found[1]}`;
	}
	return { key };
}

// The path of a Digital Link from its primary key on: 01/09506000134352/21/77.
function fromPath(path: string): Pair[] | null {
	const parts = path.split('/').filter((p) => p !== '');
	for (let i = 0; i + 1 < parts.length; i++) {
		if (!(parts[i]! in keys) || !/^[0-9]{6}/.test(parts[i + 1]!))
			continue;
		const pairs: Pair[] = [];
		for (; i + 1 < parts.length; i += 2)
			pairs.push([parts[i]!, decode(parts[i + 1]!)]);
		return pairs;
	}
	return null;
}

function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

// null: this is no GS1 code at all.
export function readGs1(text: string): Gs1Result | null {
	const scanned = /^\](d2|Q3|C1|e0)/.exec(text);
	if (scanned)
		return toKey(fromFnc1(text.slice(3)));
	if (text.startsWith(GS) || (text.includes(GS) && /^\d/.test(text)))
		return toKey(fromFnc1(text));
	if (/^\(\d{2,4}\)/.test(text))
		return toKey(fromBrackets(text));
	if (/^(\d{8}|\d{12,14})$/.test(text))
		return toKey([['01', text]]);
	const path = fromPath(text);
	return path && toKey(path);
}
