// SPDX-License-Identifier: Apache-2.0
// Language and colours: the browser's own, until somebody chooses otherwise.
import { useEffect, useState } from 'preact/hooks';
import { words, type Word } from './words';

export type Lang = 'en' | 'zh';
export type Theme = 'auto' | 'light' | 'dark';

// Storage may be refused (private windows): then a choice holds until the page is left.
function stored(key: string): string | null {
	try {
		return localStorage.getItem(key);
	} catch {
		return null;
	}
}

function store(key: string, value: string): void {
	try {
		localStorage.setItem(key, value);
	} catch {
		// Nothing to do: see stored().
	}
}

function firstLang(): Lang {
	const chosen = stored('lang');
	if (chosen === 'en' || chosen === 'zh')
		return chosen;
	return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

function firstTheme(): Theme {
	const chosen = stored('theme');
	return chosen === 'light' || chosen === 'dark' ? chosen : 'auto';
}

let lang = firstLang();
let theme = firstTheme();
const watchers = new Set<() => void>();

function apply(): void {
	document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
	document.documentElement.dataset.theme = theme;
	watchers.forEach((w) => w());
}

apply();

export const getLang = (): Lang => lang;
export const getTheme = (): Theme => theme;

export function setLang(next: Lang): void {
	lang = next;
	store('lang', next);
	apply();
}

export function setTheme(next: Theme): void {
	theme = next;
	store('theme', next);
	apply();
}

// For a page's outermost part: drawn anew when language or colours change.
export function useSettings(): void {
	const [, redraw] = useState(0);
	useEffect(() => {
		const watcher = () => redraw((n) => n + 1);
		watchers.add(watcher);
		return () => {
			watchers.delete(watcher);
		};
	}, []);
}

export function t(word: Word, ...args: (string | number)[]): string {
	const text = words[word][lang === 'zh' ? 1 : 0];
	return text.replace(/\{(\d)\}/g, (_, n) => String(args[Number(n)] ?? ''));
}

const locale = () => (lang === 'zh' ? 'zh-CN' : 'en-GB');

export function showTime(when: Date, timeZone?: string): string {
	if (Number.isNaN(when.getTime()))
		return '–';
	return when.toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'short', ...(timeZone && { timeZone }) });
}

export function showNumber(n: number, digits = 0): string {
	return n.toLocaleString(locale(), { maximumFractionDigits: digits });
}

export function showSpan(seconds: number): string {
	if (seconds >= 2 * 86400)
		return t('days', showNumber(seconds / 86400));
	if (seconds >= 2 * 3600)
		return t('hours', showNumber(seconds / 3600));
	if (seconds >= 120)
		return t('minutes', showNumber(seconds / 60));
	return t('seconds', showNumber(seconds));
}
