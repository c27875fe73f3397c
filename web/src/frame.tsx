// SPDX-License-Identifier: Apache-2.0
// What both pages stand in: head with the two switches, notices, dialogs.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { getLang, getTheme, setLang, setTheme, t, type Theme } from './i18n';
import { Icon, Mark, type IconName } from './icons';
import { useNode } from './node';
import type { Word } from './words';

const themes: Record<Theme, { next: Theme; icon: IconName; word: Word }> = {
	auto: { next: 'light', icon: 'auto', word: 'themeAuto' },
	light: { next: 'dark', icon: 'sun', word: 'themeLight' },
	dark: { next: 'auto', icon: 'moon', word: 'themeDark' },
};

export function Head({ page, children }: { page: 'resolver' | 'console'; children?: ComponentChildren }) {
	const theme = themes[getTheme()];
	const zh = getLang() === 'zh';
	const node = useNode();
	return (
		<header class="head">
			<a class="skip" href="#main">{t('skip')}</a>
			<a class="brand" href="/"><Mark /><span>Helve</span></a>
			<nav class="pages" aria-label="Helve">
				<a href="/" aria-current={page === 'resolver' ? 'page' : undefined}>{t('resolver')}</a>
				{node?.daemon !== 'helver' && <a href="/console/" aria-current={page === 'console' ? 'page' : undefined}>{t('console')}</a>}
			</nav>
			<span class="gap" />
			{children}
			<button type="button" class="plain" title={t('language')} aria-label={t('language')}
				onClick={() => setLang(zh ? 'en' : 'zh')}>{zh ? 'EN' : '中文'}</button>
			<button type="button" class="plain" title={t(theme.word)} aria-label={t(theme.word)}
				onClick={() => setTheme(theme.next)}><Icon name={theme.icon} /></button>
		</header>
	);
}

export type Tone = 'good' | 'bad' | 'warn' | 'calm';

export function Notice({ tone, title, children }: { tone: Tone; title?: string; children?: ComponentChildren }) {
	return (
		<div class={'notice ' + tone} role={tone === 'bad' ? 'alert' : 'status'}>
			{title && <strong>{title}</strong>}
			{children}
		</div>
	);
}

export function CopyButton({ text }: { text: string }) {
	const [done, setDone] = useState(false);
	const copy = () => {
		navigator.clipboard?.writeText(text).then(() => setDone(true), () => setDone(false));
	};
	return (
		<button type="button" class="plain" onClick={copy} onBlur={() => setDone(false)}
			title={t('copy')} aria-label={t('copy')}>
			<Icon name={done ? 'check' : 'copy'} />
			<span class="quiet" role="status">{done ? t('copied') : ''}</span>
		</button>
	);
}

// The browser's own modal dialog: it keeps the focus inside and closes on Escape.
export function Dialog({ title, onClose, children }: {
	title: string;
	onClose: () => void;
	children: ComponentChildren;
}) {
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => {
		const dialog = ref.current;
		const before = document.activeElement;
		dialog?.showModal();
		return () => {
			dialog?.close();
			if (before instanceof HTMLElement)
				before.focus();
		};
	}, []);
	return (
		<dialog ref={ref} aria-labelledby="dialog-title" onCancel={(e) => { e.preventDefault(); onClose(); }}>
			<div class="dialog-head">
				<h2 id="dialog-title">{title}</h2>
				<button type="button" class="plain" onClick={onClose} aria-label={t('close')}><Icon name="cross" /></button>
			</div>
			{children}
		</dialog>
	);
}
