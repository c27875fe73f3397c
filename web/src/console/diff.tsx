// SPDX-License-Identifier: Apache-2.0
// Two states of a record, value by value.
import type { Value } from '../api';
import { t } from '../i18n';
import { Long } from '../text';

export type Change = { index: number; before?: Value; after?: Value };

// What a value is, apart from when it was written.
function essence(v: Value): string {
	const { index, type, data, ttl, permissions, references } = v;
	return JSON.stringify({ index, type, data: data.value === Object(data.value) ? sorted(data) : data, ttl: ttl ?? 86400, permissions: permissions ?? '1110', references });
}

// Members in one order: an editor may have moved them.
function sorted(x: unknown): unknown {
	if (Array.isArray(x))
		return x.map(sorted);
	if (x === null || typeof x !== 'object')
		return x;
	return Object.fromEntries(Object.entries(x).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}

export function changes(before: Value[], after: Value[]): Change[] {
	const all = new Map<number, Change>();
	for (const v of before)
		all.set(v.index, { index: v.index, before: v });
	for (const v of after)
		all.set(v.index, { index: v.index, ...all.get(v.index), after: v });
	return [...all.values()]
		.filter((c) => !c.before || !c.after || essence(c.before) !== essence(c.after))
		.sort((a, b) => a.index - b.index);
}

export const same = (a: Value[], b: Value[]): boolean => changes(a, b).length === 0;

function describe(v: Value): string {
	const { format, value } = v.data;
	const data = typeof value === 'string' ? value : JSON.stringify(value);
	return `${v.index}  ${v.type}  ttl ${v.ttl ?? 86400}  ${v.permissions ?? '1110'}${format === 'string' ? '' : '  ' + format}\n${data}`;
}

export function DiffView({ list }: { list: Change[] }) {
	if (!list.length)
		return <p>{t('diffNone')}</p>;
	return (
		<>
			{list.map(({ index, before, after }) => (
				<div class="diff" key={index}>
					<span class={'tag ' + (!before ? 'good' : !after ? 'bad' : 'warn')}>
						{!before ? t('diffAdded') : !after ? t('diffRemoved') : t('diffChanged')}</span>{' '}
					<strong>{index}</strong>
					{before && <pre class="old" aria-label={t('before')}><Long text={describe(before)} /></pre>}
					{after && <pre class="new" aria-label={t('after')}><Long text={describe(after)} /></pre>}
				</div>
			))}
		</>
	);
}
