// SPDX-License-Identifier: Apache-2.0
// Text that strangers wrote. It is only ever set as text; signs that are not seen or that turn the
// reading direction are shown by their number; a link is one only if its scheme is harmless.
import { useState } from 'preact/hooks';
import { showNumber, t } from './i18n';

const LONG = 1000;
// Controls but tab and line feed, soft hyphen, zero-width and direction signs, separators, byte order
// mark, tags.
const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

export function Plain({ text }: { text: string }) {
	const parts = [];
	let from = 0;
	for (const m of text.matchAll(HIDDEN)) {
		parts.push(text.slice(from, m.index));
		const code = 'U+' + m[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
		parts.push(<span class="sign">{code}</span>);
		from = m.index + m[0].length;
	}
	parts.push(text.slice(from));
	return <bdi>{parts}</bdi>;
}

// An identifier in a narrow place: it breaks behind / . and - rather than in the midst of a part.
export function Broken({ text }: { text: string }) {
	const parts = text.match(/[^/.-]+[/.-]*|[/.-]+/g) ?? [];
	return <>{parts.map((part, i) => <>{i > 0 && <wbr />}<Plain text={part} /></>)}</>;
}

export function Long({ text }: { text: string }) {
	const [all, setAll] = useState(false);
	if (all || text.length <= LONG)
		return <Plain text={text} />;
	return (
		<>
			<Plain text={text.slice(0, LONG) + '…'} />{' '}
			<button type="button" class="link" onClick={() => setAll(true)}>
				{t('showAll', showNumber(text.length))}
			</button>
		</>
	);
}

// The address if it may be followed, else null. What the URL parser makes of it is what counts:
// leading blanks, tabs inside the scheme and the like are gone by then.
export function safeLink(text: string): string | null {
	if (!/^(https?|mailto):/i.test(text) || text.length > 4096)
		return null;
	try {
		const url = new URL(text);
		return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
	} catch {
		return null;
	}
}

export function Outside({ href, text }: { href: string; text: string }) {
	return <a href={href} rel="noopener noreferrer nofollow" target="_blank"><Long text={text} /></a>;
}
