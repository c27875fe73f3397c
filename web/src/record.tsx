// SPDX-License-Identifier: Apache-2.0
// A record as people read it: links and attributes by their meaning, what only administrators need
// folded away.
import type { Value } from './api';
import { defaultLink, linkOf, linkType, type Gs1Link } from './gs1links';
import { showNumber, showSpan, showTime, t } from './i18n';
import { Icon } from './icons';
import { pageOf } from './ident';
import { isAdminType, label } from './labels';
import { Long, Outside, Plain, safeLink } from './text';
import type { Word } from './words';

type AdminData = { handle?: unknown; index?: unknown; permissions?: unknown };

// Bit 0, "add identifiers", is the last of the twelve characters (rest-clients R10).
function rights(flags: string): string {
	const found = [];
	for (let bit = 0; bit < 12; bit++)
		if (flags[11 - bit] === '1')
			found.push(t(('may' + bit) as Word));
	return found.join(', ');
}

function IdLink({ id }: { id: string }) {
	return <a href={pageOf(id)}><Plain text={id} /></a>;
}

// Does this text name another identifier? Only then is it worth a link.
function isIdentifier(text: string): boolean {
	return text.length < 256 && /^(0\.NA\/)?\d+(\.\d+)+(\/\S+)?$/.test(text) && /\//.test(text);
}

// A point in time as people write it, in the zone of who wrote it.
function localTime(text: string): string | null {
	const m = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.exec(text);
	const there = m && new Date(m[1] + 'Z');
	return there && !Number.isNaN(there.getTime()) ? showTime(there, 'UTC') + ' ' + m[3]!.replace('Z', 'UTC') : null;
}

function TextValue({ type, text }: { type: string; text: string }) {
	const href = safeLink(/^e?mail$/i.test(type) && /^[^\s@<>"]+@[^\s@<>"]+$/.test(text) ? 'mailto:' + text : text);
	if (href)
		return <Outside href={href} text={text} />;
	if (isIdentifier(text))
		return <IdLink id={text} />;
	const time = localTime(text);
	if (time)
		return <time dateTime={text} title={text}>{time}</time>;
	return (
		<>
			<Long text={text} />
			{/^URL$/i.test(type) && <span class="quiet"> ({t('mayNot')})</span>}
		</>
	);
}

function Gs1View({ link }: { link: Gs1Link }) {
	return (
		<>
			<Outside href={link.href} text={link.title} />
			{link.about && <span class="quiet"> <Plain text={link.about} /></span>}
		</>
	);
}

export function ValueView({ value }: { value: Value }) {
	const { format, value: data } = value.data ?? { format: '', value: '' };
	const link = linkOf(value);
	if (link)
		return <Gs1View link={link} />;
	if (format === 'string' && linkType(value.type))
		return <Long text={String(data)} />;
	if (format === 'string')
		return <TextValue type={value.type} text={String(data)} />;
	if (format === 'base64' && typeof data === 'string')
		return (
			<>
				<span class="quiet">{t('binary', showNumber(Math.floor((data.replace(/=+$/, '').length * 3) / 4)))}</span>{' '}
				<code><Long text={data} /></code>
			</>
		);
	if (format === 'admin' && data && typeof data === 'object') {
		const admin = data as AdminData;
		return <Long text={t('adminOf', String(admin.index), String(admin.handle), rights(String(admin.permissions)))} />;
	}
	return <code><Long text={JSON.stringify(data)} /></code>;
}

function Row({ value }: { value: Value }) {
	return (
		<div class="row">
			<dt title={t('value', value.index, value.type)}>
				<Plain text={label(value.type).slice(0, 120)} />
			</dt>
			<dd><ValueView value={value} /></dd>
		</div>
	);
}

// How long the answer holds: the shortest of the values; an absolute time stands as text.
function validity(values: Value[], asked: Date): { until: Date; seconds: number } | null {
	let until = Infinity;
	for (const { ttl } of values)
		until = Math.min(until, typeof ttl === 'string' ? Date.parse(ttl) : asked.getTime() + (ttl ?? 86400) * 1000);
	if (!Number.isFinite(until))
		return null;
	return { until: new Date(until), seconds: Math.max(0, (until - asked.getTime()) / 1000) };
}

export function Validity({ values, asked }: { values: Value[]; asked: Date }) {
	const valid = validity(values, asked);
	const changed = Math.max(...values.map((v) => Date.parse(v.timestamp ?? '')).filter((n) => n > 0));
	return (
		<p class="validity">
			{valid && <span>{t('validUntil', showTime(valid.until), showSpan(valid.seconds))}</span>}
			{Number.isFinite(changed) && <span>{t('changed', showTime(new Date(changed)))}</span>}
			<span>{t('asked', showTime(asked))}</span>
		</p>
	);
}

export function Record({ values }: { values: Value[] }) {
	const shown = values.filter((v) => !isAdminType(v.type));
	const folded = values.filter((v) => isAdminType(v.type));
	const first = shown.find((v) => v.type.toUpperCase() === 'URL' && v.data.format === 'string');
	const href = defaultLink(shown)?.href ?? (first && safeLink(String(first.data.value)));
	return (
		<>
			{href && (
				<p><a class="button" href={href} rel="noopener noreferrer nofollow" target="_blank">
					<Icon name="open" />{t('open')} {new URL(href).host}</a></p>
			)}
			{shown.length > 0 && <dl class="record">{shown.map((v) => <Row key={v.index} value={v} />)}</dl>}
			{folded.length > 0 && (
				<details>
					<summary>{t('adminValues', folded.length)}</summary>
					<dl class="record">{folded.map((v) => <Row key={v.index} value={v} />)}</dl>
				</details>
			)}
		</>
	);
}
